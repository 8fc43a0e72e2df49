// npm test [stage…]: all set-up, then every test; or only the stages that are named, with no more set-up than they need
// (`npm test -- list` names them). Every stage runs, whatever became of the ones before; the summary at the end has the
// seconds of each, and one that failed makes the exit status 1. What this machine can't run is skipped, never passed. With
// `--install`, system packages that are missing (a browser, say) may be installed through sudo.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { audit } from "./audit.mjs";
import { buildAll, buildPackage, tsc } from "./build.mjs";
import { checkPackages, documentAsDocsRs } from "./crates.mjs";
import { Stop, commandLine, filesUnder, inRoot, main, note, run, seconds, step } from "./lib.mjs";
import { INSTALL, ensureAarch64, ensureFirefox, ensurePython, ensureVulkan, ensureWasmBindgen, ensureWebKit, requireCargo, setUpBuild, setUpTests } from "./setup.mjs";
import { ensureConsumers } from "../tests/consumers/install.mjs";

/** Everything native in one set of features, so that cargo compiles each dependency once. */
const NATIVE = ["--locked", "--workspace", "--features", "candle,http,text,tokio,wgpu"];
/** The crates with the loops that have SIMD of their own. */
const LOWER = ["simd", "kernels", "jpeg", "webp", "pixels", "search"];
/** The tests of clip-vision against Pillow's and transformers' values: all of that SIMD together. */
const GOLDENS = ["image", "resize", "composition", "preprocess", "model"];
const node = (script, ...args) => run(process.execPath, [inRoot("node_modules", ...script.split("/")), ...args]);
const playwright = (config) => node("@playwright/test/cli.js", "test", "-c", config);

/** Is the system's decoder of HEIC here, to be linked with? */
const hasLibheif = () => spawnSync("pkg-config", ["--exists", "libheif"]).status === 0;

/** The wasm tests: of each crate that has some its own, and of clip-vision the files that are not native as a whole. */
function wasmTests() {
  const text = (file) => readFileSync(file, "utf8");
  const has = (folder) => filesUnder([`crates/${folder}/src`]).some((file) => text(file).includes("wasm_bindgen_test"));
  const crates = readdirSync(inRoot("crates")).filter(has).flatMap((name) => ["-p", `clip-vision-${name}`]);
  const files = filesUnder(["tests"], (file) => path.dirname(file) === inRoot("tests") && file.endsWith(".rs"))
    .filter((file) => !text(file).includes('#![cfg(not(target_arch = "wasm32"))]'))
    .flatMap((file) => ["--test", path.basename(file, ".rs")]);
  return ["-p", "clip-vision", ...crates, "--lib", ...files];
}

/**
 * Each ```ts block of README.md and docs/*.md as a file in target/readme/, which tsconfig.tests.json includes: what a reader
 * copies compiles. (The Rust examples are compiled by `cargo test`, through src/lib.rs.)
 */
function writeReadmeExamples() {
  const folder = inRoot("target", "readme");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const page of [inRoot("README.md"), ...filesUnder(["docs"], (file) => file.endsWith(".md") && !file.endsWith("api.md"))]) {
    const name = path.relative(inRoot(), page).replace(/\.md$/, "").replace(/[\\/]/g, "-").toLowerCase();
    const blocks = [...readFileSync(page, "utf8").matchAll(/^```ts\n([^]*?)^```$/gm)];
    blocks.forEach(([, code], index) => writeFileSync(path.join(folder, `${name}-${index + 1}.ts`), `${code}export {};\n`));
  }
  if (readdirSync(folder).length === 0) throw new Stop("README.md and docs/ have no ```ts block; examples were expected there.");
}

/**
 * name   for the command line and the summary
 * what   one line on what is tested
 * needs  the set-up: "cargo" (nothing to install), "build" or "browser"
 * run    rejects if a test fails, resolves to { skipped: "why" } if it can't be run here
 */
const stages = [
  {
    name: "fmt",
    what: "Rust sources are formatted",
    needs: "cargo",
    run: () => run("cargo", ["fmt", "--all", "--check"]),
  },
  {
    name: "clippy",
    what: "no warnings, no unwrap, no block_on, natively",
    needs: "cargo",
    run: async () => {
      await run("cargo", ["clippy", "--all-targets", ...NATIVE, "--", "-D", "warnings"]);
      // The library as it comes, without candle.
      await run("cargo", ["clippy", "--locked", "--all-targets", "-p", "clip-vision", "--", "-D", "warnings"]);
    },
  },
  {
    name: "cargo",
    what: "the crates' own tests and the examples in their docs, natively",
    needs: "cargo",
    run: async () => {
      await run("cargo", ["test", "--no-fail-fast", ...NATIVE]);
      // As they come: in the workspace they are built with candle.
      await run("cargo", ["test", "--locked", "-p", "clip-vision-cli"]);
      await run("cargo", ["test", "--locked", "-p", "clip-vision", "--doc"]);
    },
  },
  {
    name: "python",
    what: "an index of the command line in DuckDB, LanceDB, pgvector, Polars, pandas, PyArrow and NumPy",
    needs: "cargo",
    run: async () => {
      const { skipped, python } = await ensurePython("readers", "tests/python/requirements.txt");
      if (skipped) return { skipped };
      await run("cargo", ["build", "--locked", "-p", "clip-vision-cli"]);
      await run(python, [inRoot("tests/python/readers.py"), commandLine("debug"), inRoot("models/shapes"), inRoot("tests/golden/images")]);
    },
  },
  {
    name: "phones",
    what: "the formats of phones, which nobody has to build: AVIF and JPEG XL, damaged ones too, and the command line with them",
    needs: "cargo",
    run: async () => {
      const features = ["--features", "avif,jxl"];
      await run("cargo", ["test", "--locked", "-p", "clip-vision-pixels", ...features, "--lib", "--test", "damage", "--test", "odd", "--test", "phones"]);
      await run("cargo", ["clippy", "--locked", "-p", "clip-vision-cli", "-p", "clip-vision", ...features, "--", "-D", "warnings"]);
    },
  },
  {
    name: "gpu",
    what: "every kernel and every model on a GPU, or on a processor that does a GPU's work; the command line with it",
    needs: "cargo",
    run: async () => {
      const { skipped } = process.platform === "linux" ? await ensureVulkan() : {};
      if (skipped) return { skipped };
      // Compiled by the stage `cargo`, which leaves them out.
      await run("cargo", ["test", ...NATIVE, "--lib", "--test", "gpu", "--test", "cli", "--", "--ignored", "gpu"]);
    },
  },
  {
    name: "heic",
    what: "photos of phones by the system's libheif",
    needs: "cargo",
    run: async () => {
      if (!hasLibheif()) return { skipped: "no libheif here (Debian: libheif-dev)" };
      await run("cargo", ["test", "--locked", "-p", "clip-vision-pixels", "--features", "heif", "--test", "phones"]);
    },
  },
  {
    name: "aarch64",
    what: "what has SIMD, and whole photos and models on it, on an emulated 64-bit ARM; without candle, texts and the tokio edge",
    needs: "cargo",
    run: async () => {
      const { skipped, target, env } = await ensureAarch64();
      if (skipped) return { skipped };
      // Without candle, which would take longer to compile than all the tests take. Apart, since two packages may have tests
      // of one name.
      const args = ["test", "--locked", "--no-fail-fast", "--target", target, "--no-default-features", "--lib"];
      await run("cargo", [...args, "--tests", ...LOWER.flatMap((name) => ["-p", `clip-vision-${name}`])], { env });
      await run("cargo", [...args, "-p", "clip-vision", ...GOLDENS.flatMap((name) => ["--test", name])], { env });
    },
  },
  {
    name: "doc",
    what: "the crates' documentation builds without warnings, as docs.rs builds it",
    needs: "cargo",
    run: () => documentAsDocsRs(),
  },
  {
    name: "crates",
    what: "what would be published of the crates is whole: licenses, READMEs, every file that a source includes",
    needs: "cargo",
    run: () => checkPackages(),
  },
  {
    name: "audit",
    what: "packages come from their registries, of licenses that we can pass on; advisories: npm run audit",
    needs: "cargo",
    run: () => audit(),
  },
  {
    name: "package",
    what: "the npm package and the demo build",
    needs: "build",
    run: () => buildAll(),
  },
  {
    name: "clippy-wasm",
    what: "no warnings in what only wasm32 compiles",
    needs: "build",
    run: () => run("cargo", ["clippy", "--locked", "--target", "wasm32-unknown-unknown", "-p", "clip-vision-wasm", "--", "-D", "warnings"]),
  },
  {
    name: "wasm",
    what: "the same Rust tests in a headless browser's worker",
    needs: "browser",
    run: async () => {
      await ensureWasmBindgen(); // .cargo/config.toml names its test runner
      const args = ["test", "--locked", "--no-fail-fast", "--target", "wasm32-unknown-unknown", "--no-default-features", "--features", "candle"];
      await run("cargo", [...args, ...wasmTests()], {
        env: {
          WASM_BINDGEN_USE_DEDICATED_WORKER: "1",
          WASM_BINDGEN_TEST_TIMEOUT: "300",
          WASM_BINDGEN_TEST_DRIVER_TIMEOUT: "60",
        },
      });
    },
  },
  {
    name: "types",
    what: "tests, the demo and README's examples agree with the package's types",
    needs: "build",
    run: async () => {
      await buildPackage();
      writeReadmeExamples();
      await tsc("-p", "tsconfig.tests.json");
    },
  },
  {
    name: "js",
    what: "the TypeScript half, without a browser",
    needs: "build",
    run: async () => {
      await buildPackage();
      await node("vitest/vitest.mjs", "run", "--dir", "tests/js", "--testTimeout", "30000");
    },
  },
  {
    name: "browser",
    what: "the built package and the demo in real Chromium",
    needs: "browser",
    run: async () => {
      await buildAll();
      await playwright("tests/browser");
    },
  },
  {
    name: "firefox",
    what: "the built package's inputs and worker, and the demo, in a stock Firefox",
    needs: "build",
    run: async () => {
      const { skipped } = await ensureFirefox();
      if (skipped) return { skipped };
      await ensureVulkan(); // without it the tests of its GPU are skipped
      await buildAll();
      await playwright("tests/firefox");
    },
  },
  {
    name: "webkit",
    what: "the same in WebKitGTK, as it comes and as Safari has it",
    needs: "build",
    run: async () => {
      const { skipped } = await ensureWebKit();
      if (skipped) return { skipped };
      await buildAll();
      await playwright("tests/webkit");
    },
  },
  {
    name: "consumers",
    what: "the packed package: the examples built and used, by every bundler, in Deno and Bun, on servers, and looked at by publint and attw",
    needs: "browser",
    run: async () => {
      await buildPackage();
      await ensureConsumers();
      await playwright("tests/consumers");
    },
  },
];

async function setUp(chosen) {
  const needs = new Set(chosen.map((stage) => stage.needs));
  if (needs.has("browser")) await setUpTests();
  else if (needs.has("build")) await setUpBuild();
  else requireCargo();
}

function choose(names) {
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length) throw new Stop(`No stage is called ${unknown.join(" or ")}.`, "npm test -- list");
  return names.length ? stages.filter((stage) => names.includes(stage.name)) : stages;
}

await main(async () => {
  const names = process.argv.slice(2).filter((argument) => argument !== INSTALL);
  if (names[0] === "list") {
    for (const { name, what } of stages) console.log(`${name.padEnd(12)} ${what}`);
    return;
  }
  const chosen = choose(names);
  await setUp(chosen);
  const results = [{ name: "set-up", outcome: "done", took: seconds() }];
  for (const stage of chosen) {
    step(`Stage ${stage.name}`, stage.what);
    const begin = Date.now();
    let outcome = "passed";
    let detail = "";
    try {
      const skipped = (await stage.run())?.skipped;
      if (skipped) [outcome, detail] = ["skipped", skipped];
    } catch (error) {
      [outcome, detail] = ["failed", error instanceof Stop || error.name === "CommandFailed" ? error.message : error.stack];
    }
    results.push({ name: stage.name, outcome, detail, took: seconds(begin) });
    note(`${stage.name} ${outcome}${detail ? `: ${detail}` : ""} (${seconds(begin)})`);
  }
  console.log("");
  for (const { name, outcome, took, detail } of results) {
    console.log(`${name.padEnd(12)} ${outcome.padEnd(8)} ${took.padStart(12)}${detail ? `  ${detail}` : ""}`);
  }
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  console.log(`\nstages: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  if (count("failed")) process.exitCode = 1;
});
