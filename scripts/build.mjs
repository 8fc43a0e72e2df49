// npm run build [-- all|package|wasm|typescript]: set-up, then what is out of date of the package in dist/ and of the demo in
// www/dist. `package` leaves out the demo.
//
//     crates/wasm     -> target/web/wasm/FLAVOR/     cargo, wasm-bindgen (the JavaScript around it), wasm-opt, a flavor a time
//     crates/search   -> target/web/wasm/search.js   the search module, which holds its wasm file as text; top_k.js a part of it
//     web/            -> target/web/           TypeScript, module by module
//     web/, wasm      -> dist/                 Rolldown: a few scripts, the types, and the wasm files
//     www/            -> www/dist              Vite
//     Cargo.lock      -> THIRD_PARTY_NOTICES.txt   notices.mjs
//
// CLIP_VISION_QUICK=1 is for the loop of changing the core and trying it: compiled in parts and again only where it changed
// (seconds in place of minutes), larger and somewhat slower, never to be published or measured; the baseline alone, unless
// CLIP_VISION_FLAVORS names others, comma-separated.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { BASELINE, RUST_BASELINE, flavors } from "./flavors.mjs";
import { importsOf, renamedWasm, shortNames, smallGlue, withShortNames } from "./glue.mjs";
import { Stop, ask, dist, filesUnder, hashOf, inRoot, isDone, main, modules, note, once, run, seconds } from "./lib.mjs";
import { buildNotices } from "./notices.mjs";
import { ensureStdSource, ensureWasmBindgen, lockedVersion, setUpBuild, setUpNode } from "./setup.mjs";

const NAME = "clip_vision";
const quick = Boolean(process.env.CLIP_VISION_QUICK);
const PROFILE = quick ? "quick" : "wasm";

/**
 * A function stays one by itself, unless it is small: a browser compiles a function as a whole once it is often called, which
 * takes it a tenth of a second for the largest, on a processor that the model's first pictures need.
 */
export const OPTIMIZE = [quick ? "-O1" : "-O3", "--one-caller-inline-max-function-size=100"];

const nodeModule = (file, ...args) => run(process.execPath, [inRoot("node_modules", ...file.split("/")), ...args]);
export const tsc = (...args) => nodeModule("typescript/bin/tsc", ...args);
const wasmOpt = (file, features) =>
  nodeModule("binaryen/bin/wasm-opt", file, "-o", file, ...OPTIMIZE, ...RUST_BASELINE, ...features);

const sized = (bytes) => {
  const kB = (n) => `${(n / 1000).toFixed(0)} kB`;
  return `${kB(bytes.length)}, ${kB(gzipSync(bytes, { level: 9 }).length)} gzipped`;
};

/** Files that decide what cargo makes, and the compiler that makes it. */
const rustInputs = (...places) => ({
  files: filesUnder(["Cargo.toml", "Cargo.lock", ...places], (file) => /\.rs$|Cargo\.(toml|lock)$/.test(file)),
  compiler: ask("rustc", ["-vV"]),
});

// --- The engine: one wasm file a flavor

/** All flavors, or those that CLIP_VISION_FLAVORS names. */
export function chosenFlavors() {
  const named = process.env.CLIP_VISION_FLAVORS ?? (quick && BASELINE.name);
  return named ? flavors.filter(({ name }) => named.split(",").includes(name)) : flavors;
}

const glueOf = ({ outDir }) => [`${NAME}.js`, `${NAME}.d.ts`, `${NAME}_bg.wasm`].map((file) => path.join(outDir, file));

function planOf(flavor) {
  const { files, compiler } = rustInputs("crates", "src");
  const how = [flavor.cargoArgs, flavor.env, flavor.wasmOpt, PROFILE, OPTIMIZE, compiler, lockedVersion("wasm-bindgen")];
  return { files: [...files, inRoot("package-lock.json")], how, outputs: glueOf(flavor) };
}

async function buildFlavor(flavor) {
  const plan = planOf(flavor);
  const stamp = `wasm-${flavor.name}`;
  const what = `Building wasm, flavor ${flavor.name}`;
  await once(stamp, { ...plan, what, why: "the Rust core for browsers (minutes the first time, seconds later)" }, async () => {
    if (flavor.threads) await ensureStdSource();
    const args = ["build", "--locked", "--quiet", "--profile", PROFILE, "-p", "clip-vision-wasm", ...flavor.cargoArgs];
    await Promise.all([run("cargo", args, { env: flavor.env }), ensureWasmBindgen()]);
    // Many changes to the sources (comments, tests, native code) leave the compiled file as it was.
    const compiled = path.join(flavor.targetDir, "wasm32-unknown-unknown", PROFILE, `${NAME}_wasm.wasm`);
    const rest = { what: `Binding ${flavor.name}`, why: "wasm-bindgen, then wasm-opt", files: [compiled], how: plan.how, outputs: plan.outputs };
    await once(`${stamp}-bound`, rest, () => bindAndOptimize(compiled, flavor));
    return `${flavor.name}: ${sized(readFileSync(path.join(flavor.outDir, `${NAME}_bg.wasm`)))}`;
  });
}

/** What cargo compiled -> a flavor's `outDir`, in one move from a folder beside it, so that nobody ever sees half of it. */
export async function bindAndOptimize(compiled, { outDir, wasmOpt: features }, name = NAME) {
  const fresh = `${outDir}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  // Without a default module path the glue holds no URL of its own: the worker passes one, which bundlers can see.
  await run("wasm-bindgen", [compiled, "--target", "web", "--omit-default-module-path", "--out-name", name, "--out-dir", fresh]);
  await wasmOpt(path.join(fresh, `${name}_bg.wasm`), features);
  rmSync(outDir, { recursive: true, force: true });
  renameSync(fresh, outDir);
}

/** Runs an asynchronous function on each item, two at a time: the end of each cargo build keeps one core busy. */
async function twoAtATime(items, work) {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item; item = waiting.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

/** Builds the flavors that are not there already, and lists for the worker those that are up to date. */
async function buildWasm(chosen) {
  await twoAtATime(chosen, buildFlavor);
  writeIndex(flavors.filter((flavor) => chosen.includes(flavor) || isCurrent(flavor)));
}

function isCurrent(flavor) {
  const { files, how, outputs } = planOf(flavor);
  return isDone(`wasm-${flavor.name}`, hashOf(files, how), outputs);
}

/** What the names of wasm files become in dist/, as `shortNames` gives them. */
const GLUE_NAMES = path.join(modules, "wasm", "names.json");

/**
 * wasm/index.js: the glue of the flavors that were built, imported statically, and where each one's wasm file is,
 * written so that bundlers see the file and copy it; in a function with a body, so that what collects a server's files sees it too.
 */
export function writeIndex(built) {
  const glues = built.map((flavor) => [flavor, smallGlue(readFileSync(path.join(flavor.outDir, `${NAME}.js`), "utf8"))]);
  // One with threads does for those without as well, if it has all that theirs has; whatever is the same is in the worker once.
  const widest = glues.find(([{ threads }]) => threads) ?? glues[0];
  const serves = (glue) => importsOf(glue).every((name) => importsOf(widest[1]).includes(name));
  const glueFor = new Map(glues.map(([flavor, glue]) => [flavor, serves(glue) ? widest[0] : flavor]));
  const used = new Map(glues.filter(([flavor]) => [...glueFor.values()].includes(flavor)));
  const names = shortNames([...used.values()]);
  for (const [{ outDir }, glue] of used) writeFileSync(path.join(outDir, "glue.js"), withShortNames(glue, names));
  writeFileSync(GLUE_NAMES, JSON.stringify(names, (_, value) => (value instanceof Map ? [...value] : value)));
  const variable = (flavor) => glueFor.get(flavor).name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const js = [
    "// Made by scripts/build.mjs. The addresses are those beside the bundle that this becomes a part of.",
    ...[...used.keys()].map((flavor) => `import { glue as ${variable(flavor)} } from "./${flavor.name}/glue.js";`),
    "export const builds = {",
    ...built.map((flavor) => {
      const url = `new URL("./wasm/${flavor.name}/${NAME}_bg.wasm", import.meta.url)`;
      return `  "${flavor.name}": { glue: ${variable(flavor)}, wasmUrl() { return ${url}; } },`;
    }),
    "};",
  ];
  // The types are those of any that was built: with threads, the glue has some functions more.
  const typed = built.find(({ threads }) => !threads) ?? built[0];
  const dts = [
    `type Written = typeof import("./${typed.name}/${NAME}.js");`,
    'export type Glue = Omit<Written, "default" | "initSync" | "start" | keyof ThreadsGlue> & {',
    "  start(options: { module: WebAssembly.Module; memory?: WebAssembly.Memory | undefined; thread_stack_size?: number }): Promise<{ readonly memory: WebAssembly.Memory }>;",
    "};",
    "/** The glue of a flavor with threads has these on top: crates/wasm/src/threads.rs. */",
    "export interface ThreadsGlue {",
    "  helpThreads(): void;",
    "  setHelpers(helpers: number): void;",
    "  failThreads(): void;",
    "}",
    "/** The JavaScript around a wasm file, and where that is. */",
    "export interface Build<Glue> { readonly glue: Glue; wasmUrl(): URL }",
    "/** Those that were built: of the published package all. */",
    "export declare const builds: {",
    ...flavors.map(({ name, threads }) => `  readonly "${name}"?: Build<Glue${threads ? " & ThreadsGlue" : ""}>;`),
    "};",
  ];
  for (const [file, lines] of [["index.js", js], ["index.d.ts", dts]]) {
    writeFileSync(path.join(modules, "wasm", file), `${lines.join("\n")}\n`);
  }
}

// --- Search: crates/search without its standard library, some kilobytes

const SEARCH_ENV = {
  CARGO_ENCODED_RUSTFLAGS: ["-C", "target-feature=+simd128", "-C", "strip=symbols", "-C", "link-arg=-zstack-size=65536"].join("\x1f"),
  CARGO_TARGET_DIR: inRoot("target", "wasm-search"),
};
/** What a collection's worker has, and what of it a page carries along for `topK`. */
const SEARCH_MODULES = [
  { name: "search", features: ["--features", "near"] },
  { name: "top_k", features: [] },
];

export async function buildSearch() {
  const { files, compiler } = rustInputs("crates/search", "crates/simd");
  for (const { name, features } of SEARCH_MODULES) {
    const args = ["build", "--locked", "--quiet", "--profile", "wasm", "-p", "clip-vision-search-wasm", ...features, "--target", "wasm32-unknown-unknown"];
    const [js, dts] = [`${name}.js`, `${name}.d.ts`].map((file) => path.join(modules, "wasm", file));
    const how = [args, SEARCH_ENV, OPTIMIZE, compiler];
    const plan = { files: [...files, inRoot("package-lock.json")], how, outputs: [js, dts] };
    await once(name, { ...plan, what: `Building the search module, ${name}`, why: "what finds embeddings, without the model" }, async () => {
      await run("cargo", args, { env: SEARCH_ENV });
      const wasm = path.join(SEARCH_ENV.CARGO_TARGET_DIR, `${name}.wasm`);
      copyFileSync(path.join(SEARCH_ENV.CARGO_TARGET_DIR, "wasm32-unknown-unknown", "wasm", "search_wasm.wasm"), wasm);
      await wasmOpt(wasm, ["--enable-simd"]);
      const bytes = readFileSync(wasm);
      mkdirSync(path.dirname(js), { recursive: true });
      writeFileSync(js, `/** crates/search/wasm, compiled; base64. */\nexport const WASM =\n  "${bytes.toString("base64")}";\n`);
      writeFileSync(dts, "/** The search module's wasm file, in base64. */\nexport declare const WASM: string;\n");
      return `${name}.js: ${sized(bytes)}`;
    });
  }
}

// --- TypeScript, after the wasm: the worker imports its glue

export async function buildTypeScript() {
  const sources = filesUnder(["web"], (file) => file.endsWith(".ts"));
  const glue = filesUnder(["target/web/wasm"], (file) => /\.(js|d\.ts|json|wasm)$/.test(file));
  const projects = ["tsconfig.json", "tsconfig.node.json"];
  const plan = {
    what: "Compiling TypeScript",
    why: "web/ becomes dist/: the package's scripts and their types",
    files: [...sources, ...glue, ...[...projects, "package-lock.json", "scripts/build.mjs", "scripts/glue.mjs"].map((file) => inRoot(file))],
    outputs: BUNDLES.flatMap((entries) => Object.keys(entries).map((entry) => path.join(dist, `${entry}.js`))),
  };
  await once("typescript", plan, async () => {
    // What earlier sources became would be published along.
    for (const name of readdirSync(modules)) if (name !== "wasm") rmSync(path.join(modules, name), { recursive: true });
    vendorTokenizers();
    for (const project of projects) await tsc("-p", project);
    return bundle();
  });
}

/** The package's scripts, and the files of web/ that they begin with; those of one line share what the first needs too. */
const BUNDLES = [
  { index: "index", search: "search/index", worker: "worker" },
  { search_in_place: "search/in_place" },
  { search_remote: "search/remote" },
  { tokenizer: "tokenizer" },
  { seldom: "seldom" },
  { gpu: "gpu" },
  { search_worker: "search_worker" },
  { "node/index": "node/index", "node/search": "node/search" },
  { "node/cli": "node/cli" },
  { "node/worker": "node/worker" },
  { "node/search_worker": "node/search_worker" },
];

/** What a page fetches later: no entry, but a chunk. */
const LATER = inRoot("web", "page", "later.ts");

/** web/ and the glue -> dist/: a few scripts, which a page without a bundler fetches fast; the types; the wasm files. */
async function bundle() {
  const { rolldown } = await import("rolldown"); // which the set-up installs
  rmSync(dist, { recursive: true, force: true });
  const sizes = [];
  for (const entries of BUNDLES) {
    const input = Object.fromEntries(Object.entries(entries).map(([entry, source]) => [entry, inRoot("web", `${source}.ts`)]));
    const folder = path.posix.dirname(Object.keys(entries)[0]);
    const imports = new Map();
    const built = await rolldown({
      input,
      platform: "browser", // for Node as well: of "node" comes a chunk of nothing
      external: folder === "node" ? [/^node:/, /^\.\/(index|search)\.js$/] : [], // the command line has the package beside it
      makeAbsoluteExternalsRelative: false,
      treeshake: { moduleSideEffects: () => true }, // what package.json says of that is of dist/
      resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
      plugins: [
        {
          name: "made",
          resolveId: (source) => MADE.exec(source)?.[1] && path.join(modules, MADE.exec(source)[1]),
          buildEnd() {
            for (const id of this.getModuleIds()) imports.set(id, this.getModuleInfo(id).importedIds);
          },
        },
      ],
    });
    /** The modules that an entry needs at once. */
    const needed = (entry, found = new Set()) => {
      if (!found.has(entry)) {
        found.add(entry);
        for (const id of imports.get(entry) ?? []) needed(id, found);
      }
      return found;
    };
    let closures;
    const isIn = (id, ...entries) => {
      closures ??= new Map([...Object.values(input), LATER].map((one) => [one, needed(one)]));
      return entries.some((entry) => closures.get(entry)?.has(id));
    };
    const [index, search, worker] = ["index", "search", "worker"].map((name) => input[path.posix.join(folder, name)]);
    // What a page that searches needs as well; what a page and its worker need; and what of the page's own its later script needs too.
    const groups = [
      { name: "common", priority: 3, test: (id) => isIn(id, search) && isIn(id, index, worker) },
      { name: "files", priority: 2, test: (id) => isIn(id, worker) && isIn(id, index, LATER) },
      { name: "page", priority: 1, test: (id) => isIn(id, index) && id !== index },
    ];
    const { output } = await built.write({
      dir: dist,
      format: "esm",
      sourcemap: true,
      minify: true,
      entryFileNames: "[name].js",
      chunkFileNames: path.posix.join(folder, "[name].js"),
      codeSplitting: { groups },
    });
    await built.close();
    for (const { fileName, code } of output) {
      if (code === undefined || fileName.endsWith(".map")) continue;
      const quoted = code
        .replace(/(new URL|\bimport)\(`([^`$]*)`/g, '$1("$2"') // as bundlers look for it
        .replaceAll('new URL("./wasm/', `new URL("./${path.posix.relative(folder, "wasm")}/`);
      writeFileSync(path.join(dist, fileName), quoted);
      sizes.push(`${fileName} ${sized(Buffer.from(quoted))}`);
    }
  }
  const isType = (file) => /\.d\.ts(\.map)?$/.test(file) && !/^((wasm|vendor|worker|node)[\\/]|(load_later|tokenizer|seldom|gpu)\.)/.test(path.relative(modules, file));
  const { imported, exported } = JSON.parse(readFileSync(GLUE_NAMES, "utf8"));
  const names = { imported: new Map(imported), exported: new Map(exported) };
  const isWasm = (file) => file.endsWith("_bg.wasm");
  for (const file of filesUnder(["target/web"], (one) => isType(one) || isWasm(one))) {
    const to = path.join(dist, isWasm(file) ? "" : "types", path.relative(modules, file));
    mkdirSync(path.dirname(to), { recursive: true });
    if (file.endsWith(".d.ts")) writeFileSync(to, portable(readFileSync(file, "utf8"), /[\\/](index|in_place|remote)\.d\.ts$/.test(file)));
    else if (isWasm(file)) writeFileSync(to, renamedWasm(readFileSync(file), names));
    else copyFileSync(file, to);
  }
  copyFileSync(path.join(modules, "vendor", "tokenizers.LICENSE"), path.join(dist, "tokenizers.LICENSE"));
  return sizes.join("; ");
}

/**
 * Types as TypeScript reads them from 5.4 on, whatever `lib` a project has: before 5.7 typed arrays had no parameter, and projects
 * for Node may have no types of browsers.
 */
function portable(types, isEntry) {
  const lines = isEntry ? '/// <reference lib="dom" />\n/// <reference lib="esnext.disposable" />\n' : "";
  return lines + types.replace(/\b(\w+Array)<ArrayBuffer>/g, 'ReturnType<$1Constructor["of"]>').replace(/\b(\w+Array)<ArrayBufferLike>/g, "$1");
}

/** What is not of web/ itself, but made by this script. */
const MADE = /\/((?:wasm|vendor)\/\w+\.js)$/;

/** The JavaScript tokenizers, which become a part of the worker's script. Of their types, what is used. */
function vendorTokenizers() {
  const from = inRoot("node_modules", "@huggingface", "tokenizers");
  const to = path.join(modules, "vendor");
  mkdirSync(to, { recursive: true });
  copyFileSync(path.join(from, "dist", "tokenizers.min.mjs"), path.join(to, "tokenizers.js"));
  copyFileSync(path.join(from, "LICENSE"), path.join(to, "tokenizers.LICENSE"));
  writeFileSync(
    path.join(to, "tokenizers.d.ts"),
    `/** Copied from @huggingface/tokenizers, Apache-2.0. */
export interface LibraryModel {
  (words: string[]): string[];
  tokens_to_ids: Map<string, number>;
  unk_token_id?: number;
}
export declare const BPE: new (config: object) => LibraryModel;
export declare const WordPiece: new (config: object) => LibraryModel;
declare class PreTokenizer {
  constructor(config: object);
  pre_tokenize_text(text: string): string[];
}
export declare class ByteLevelPreTokenizer extends PreTokenizer {}
export declare class DigitsPreTokenizer extends PreTokenizer {}
export declare class SplitPreTokenizer extends PreTokenizer {}
`,
  );
}

// --- The demo: static files that any server with COOP and COEP headers can offer

export const demoDist = inRoot("www", "dist");

/** `keep` leaves the files of the last build where they are, for a page that was loaded already. */
async function buildDemo(keep) {
  // www/, the package that it imports by name, and the model that its Vite configuration copies.
  const inputs = filesUnder(["www", "dist", "models/shapes"], (file) => !file.startsWith(demoDist));
  const plan = {
    what: "Building the demo",
    why: "www/ becomes www/dist, which the server offers",
    files: [...inputs, inRoot("package-lock.json")],
    outputs: [path.join(demoDist, "index.html")],
  };
  await once("demo", plan, async () => {
    const emptied = keep ? "--no-emptyOutDir" : "--emptyOutDir";
    await nodeModule("vite/bin/vite.js", "build", "www", "--outDir", "dist", emptied, "--logLevel", "warn");
    return "www/dist is ready";
  });
}

// --- All of it

export async function buildPackage(chosen = chosenFlavors()) {
  await buildWasm(chosen);
  await buildSearch();
  await buildNotices();
  await buildTypeScript();
}

export async function buildAll(chosen = chosenFlavors(), { keep = false } = {}) {
  await buildPackage(chosen);
  await buildDemo(keep);
}

const TARGETS = {
  all: () => setUpBuild().then(() => buildAll()),
  demo: () => setUpBuild().then(() => buildAll()).then(() => note(`${path.relative(inRoot(), demoDist)} is for any file server`)),
  package: () => setUpBuild().then(() => buildPackage()),
  wasm: () => setUpBuild().then(() => buildWasm(chosenFlavors())).then(buildSearch),
  typescript: () => setUpNode().then(buildTypeScript),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const name = process.argv[2] ?? "all";
    if (!TARGETS[name]) throw new Stop(`There is nothing to build called "${name}".`, `npm run build -- ${Object.keys(TARGETS).join("|")}`);
    await TARGETS[name]();
    note(`up to date (${seconds()})`);
  });
}
