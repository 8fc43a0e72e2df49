// The flavours of the wasm file, each by cargo, then wasm-bindgen (the JavaScript around it), then wasm-opt. The result
// appears under dist/wasm/<flavour>/ in one move, so that nobody ever sees half of it.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { ask, run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { ensureStdSource } from "../setup/rust.mjs";
import { lockedVersion } from "../setup/tools.mjs";
import { BASELINE, flavours } from "./flavours.mjs";

const NAME = "clip_vision";

/**
 * CLIP_VISION_QUICK=1 is for the loop of changing the core and trying it: compiled in parts and again only where it
 * changed (seconds in place of minutes), larger and somewhat slower, never to be published or measured.
 */
const { PROFILE, LEVEL } = process.env.CLIP_VISION_QUICK
  ? { PROFILE: "quick", LEVEL: "-O1" }
  : { PROFILE: "release", LEVEL: "-O3" };

/**
 * A function stays one by itself, unless it is small: a browser compiles a function as a whole once it is often called, which
 * takes it a tenth of a second for the largest, on a processor that the model's first pictures need.
 */
export const OPTIMISE = [LEVEL, "--one-caller-inline-max-function-size=100"];

/** What wasm-opt accepts on top of each flavour's own; rustc's wasm32 target uses all of these. */
export const RUST_BASELINE = [
  "--enable-bulk-memory",
  "--enable-bulk-memory-opt",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-reference-types",
  "--enable-multivalue",
];

const isRust = (file) => file.endsWith(".rs") || path.basename(file) === "Cargo.toml" || path.basename(file) === "Cargo.lock";

/** What a flavour is made of and becomes; `given` is the environment from the set-up. */
async function planOf(flavour, given) {
  const rust = flavour.threads ? await ensureStdSource(given) : given;
  const sources = filesUnder(["Cargo.toml", "Cargo.lock", "crates", "src"], isRust);
  const compiler = ask("rustc", ["-vV"], { env: rust });
  const how = [flavour.cargoArgs, flavour.env, flavour.wasmOpt, PROFILE, OPTIMISE, compiler, lockedVersion("wasm-bindgen")];
  const outputs = [`${NAME}.js`, `${NAME}.d.ts`, `${NAME}_bg.wasm`].map((file) => path.join(flavour.outDir, file));
  const hash = hashOf([...sources, inRoot("package-lock.json")], how);
  return { rust, how, outputs, hash, stamp: `wasm-${flavour.name}` };
}

/** Builds the flavours that are not there already, and lists for the worker those that are up to date. */
export async function buildWasm(chosen, given) {
  for (const flavour of chosen) await buildFlavour(flavour, await planOf(flavour, given)); // each uses every core
  const current = [];
  for (const flavour of flavours) {
    const { stamp, hash, outputs } = await planOf(flavour, given);
    if (chosen.includes(flavour) || isDone(stamp, hash, outputs)) current.push(flavour);
  }
  writeIndex(current);
}

async function buildFlavour(flavour, { rust, how, outputs, hash, stamp }) {
  if (isDone(stamp, hash, outputs)) return;

  step(`Building wasm, flavour ${flavour.name}`, "the Rust core for browsers (minutes the first time, seconds later)");
  const begin = Date.now();
  forget(stamp);
  await run("cargo", ["build", "--locked", "--profile", PROFILE, "-p", "clip-vision-wasm", ...flavour.cargoArgs], { env: { ...rust, ...flavour.env } });

  // Many changes to the sources (comments, tests, native code) leave the compiled file as it was.
  const compiled = path.join(flavour.targetDir, "wasm32-unknown-unknown", PROFILE, `${NAME}_wasm.wasm`);
  const compiledHash = hashOf([compiled, inRoot("package-lock.json")], how);
  if (!isDone(`${stamp}-compiled`, compiledHash, outputs)) {
    forget(`${stamp}-compiled`);
    await bindAndOptimise(compiled, flavour, rust);
    markDone(`${stamp}-compiled`, compiledHash);
  }
  markDone(stamp, hash);
  const bytes = readFileSync(path.join(flavour.outDir, `${NAME}_bg.wasm`));
  const kB = (n) => `${(n / 1000).toFixed(0)} kB`;
  note(`${NAME}_bg.wasm: ${kB(bytes.length)}, ${kB(gzipSync(bytes, { level: 9 }).length)} gzipped (${seconds(begin)})`);
}

/**
 * dist/wasm/index.js: the glue of the flavours that were built, imported statically, and where each one's wasm file is,
 * written so that bundlers see the file and copy it.
 */
function writeIndex(built) {
  const variable = ({ name }) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const js = [
    "// Made by scripts/build/wasm.mjs.",
    ...built.map((flavour) => `import * as ${variable(flavour)} from "./${flavour.name}/${NAME}.js";`),
    "export const builds = {",
    ...built.map((flavour) => {
      const url = `new URL("./${flavour.name}/${NAME}_bg.wasm", import.meta.url)`;
      return `  "${flavour.name}": { glue: ${variable(flavour)}, wasmUrl: () => ${url} },`;
    }),
    "};",
  ];
  const dts = [
    `export type Glue = typeof import("./${BASELINE}/${NAME}.js");`,
    "/** The glue of a flavour with threads has these on top: crates/wasm/src/threads.rs. */",
    "export interface ThreadsGlue {",
    "  default(options: { module_or_path: WebAssembly.Module; memory: WebAssembly.Memory; thread_stack_size?: number }): Promise<unknown>;",
    "  helpThreads(): void;",
    "  setHelpers(helpers: number): void;",
    "  failThreads(): void;",
    "}",
    "/** The JavaScript around a wasm file, and where that is. */",
    "export interface Build<Glue> { readonly glue: Glue; wasmUrl(): URL }",
    "/** Those that were built. */",
    "export declare const builds: {",
    ...flavours.map(({ name, threads }) => {
      const glue = threads ? 'Omit<Glue, "default"> & ThreadsGlue' : "Glue";
      return `  readonly "${name}"${name === BASELINE ? "" : "?"}: Build<${glue}>;`;
    }),
    "};",
  ];
  for (const [file, lines] of [["index.js", js], ["index.d.ts", dts]]) {
    writeFileSync(path.join(dist, "wasm", file), `${lines.join("\n")}\n`);
  }
}

/** What cargo compiled -> a flavour's `outDir`, by way of a folder beside it. */
export async function bindAndOptimise(compiled, { outDir, wasmOpt }, rust) {
  const fresh = `${outDir}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  // Without a default module path the glue holds no URL of its own: the worker passes one, which bundlers can see.
  await run("wasm-bindgen", [compiled, "--target", "web", "--omit-default-module-path", "--out-name", NAME, "--out-dir", fresh], { env: rust });

  const wasm = path.join(fresh, `${NAME}_bg.wasm`);
  const program = inRoot("node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [program, wasm, "-o", wasm, ...OPTIMISE, ...RUST_BASELINE, ...wasmOpt]);

  rmSync(outDir, { recursive: true, force: true });
  renameSync(fresh, outDir);
}
