// npm test [stage…]: all set-up, then every test; or only the stages that are named, with no more set-up than they need
// (`npm test -- list` names them). Every stage runs, whatever became of the ones before; the summary at the end has the
// seconds of each, and one that failed makes the exit status 1. What this machine can't run is skipped, never passed.

import { readdirSync, readFileSync } from "node:fs";
import { BASELINE, flavourNamed } from "./build/flavours.mjs";
import { buildAll, buildPackage } from "./build/index.mjs";
import { writeReadmeExamples } from "./build/readme.mjs";
import { tsc } from "./build/typescript.mjs";
import { Stop, main, note, seconds, step } from "./lib/log.mjs";
import { inRoot } from "./lib/paths.mjs";
import { ask, run } from "./lib/run.mjs";
import { ensureConsumers } from "./setup/consumers.mjs";
import { ensureFirefox } from "./setup/firefox.mjs";
import { requireCargo } from "./setup/rust.mjs";
import { setUpBuild, setUpNode, setUpTests } from "./setup/index.mjs";

/** Everything native in one set of features, so that cargo compiles each dependency once. */
const NATIVE = ["--workspace", "--features", "http,text,tokio"];
const wasm = flavourNamed(BASELINE);
const npmTool = (script) => inRoot("node_modules", ...script.split("/"));
const node = (script, ...args) => run(process.execPath, [npmTool(script), ...args]);
const playwright = (config, env) => run(process.execPath, [npmTool("@playwright/test/cli.js"), "test", "-c", config], { env });

/**
 * name   for the command line and the summary
 * what   one line on what is tested
 * needs  the set-up: "cargo" (nothing to install), "node", "build" or "browser"
 * run    with the set-up's environments; rejects if a test fails, returns { skipped: "why" } if it can't be run here
 */
const stages = [
  {
    name: "fmt",
    what: "Rust sources are formatted",
    needs: "cargo",
    run: () => run("cargo", ["fmt", "--check"]),
  },
  {
    name: "clippy",
    what: "no warnings, no unwrap, no block_on, natively",
    needs: "cargo",
    run: () => run("cargo", ["clippy", "--locked", "--all-targets", ...NATIVE, "--", "-D", "warnings"]),
  },
  {
    name: "cargo",
    what: "the crate's own tests and the examples in its docs, natively",
    needs: "cargo",
    run: () => run("cargo", ["test", "--locked", "--no-fail-fast", ...NATIVE]),
  },
  {
    name: "doc",
    what: "the crate's documentation builds without warnings",
    needs: "cargo",
    run: () => run("cargo", ["doc", "--locked", "--no-deps", ...NATIVE], { env: { RUSTDOCFLAGS: "-D warnings" } }),
  },
  {
    name: "package",
    what: "the npm package and the demo build",
    needs: "build",
    run: ({ rust }) => buildAll(rust),
  },
  {
    name: "clippy-wasm",
    what: "no warnings in what only wasm32 compiles",
    needs: "build",
    run: ({ rust }) => {
      const env = { ...rust, ...wasm.env };
      // A clippy of another version can't read what the compiler wrote (Debian's rustc beside rustup's clippy).
      const rustc = ask("rustc", ["--version"], { env })?.match(/^rustc 1\.(\d+)/)?.[1];
      const clippy = ask("cargo", ["clippy", "--version"], { env })?.match(/^clippy 0\.1\.(\d+)/)?.[1];
      if (rustc !== clippy) return { skipped: `rustc 1.${rustc} has no clippy of its own version here` };
      return run("cargo", ["clippy", "--locked", "--release", "-p", "clip-vision-wasm", ...wasm.cargoArgs, "--", "-D", "warnings"], { env });
    },
  },
  {
    name: "wasm",
    what: "the same Rust tests in a headless browser's worker",
    needs: "browser",
    run: ({ rust, browser }) => {
      const driver = browser.CHROMEDRIVER ? ["--chromedriver", browser.CHROMEDRIVER] : [];
      // --target and build-std are wasm-pack's affair. Files that are native as a whole would be linked for nothing.
      const features = ["--no-default-features", "--features", "candle"];
      const tests = readdirSync(inRoot("tests"))
        .filter((file) => file.endsWith(".rs"))
        .filter((file) => !readFileSync(inRoot("tests", file), "utf8").includes('#![cfg(not(target_arch = "wasm32"))]'))
        .flatMap((file) => ["--test", file.slice(0, -".rs".length)]);
      const args = ["test", "--headless", "--chrome", "--release", ...driver, ".", ...features, "--lib", ...tests];
      return run("wasm-pack", args, {
        env: { ...rust, ...browser, ...wasm.env, WASM_BINDGEN_TEST_TIMEOUT: "300", WASM_BINDGEN_TEST_DRIVER_TIMEOUT: "60" },
      });
    },
  },
  {
    name: "types",
    what: "tests, the demo and README's examples agree with the package's types",
    needs: "build",
    run: async ({ rust }) => {
      await buildPackage(rust);
      writeReadmeExamples();
      await tsc("-p", "tsconfig.tests.json");
    },
  },
  {
    name: "js",
    what: "the TypeScript half, without a browser",
    needs: "build",
    run: async ({ rust }) => {
      await buildPackage(rust);
      await node("vitest/vitest.mjs", "run", "--dir", "tests/js");
    },
  },
  {
    name: "browser",
    what: "the built package and the demo in real Chromium",
    needs: "browser",
    run: async ({ rust, browser }) => {
      await buildAll(rust);
      await playwright("tests/browser", { ...rust, ...browser });
    },
  },
  {
    name: "firefox",
    what: "the built package's inputs and worker in a stock Firefox",
    needs: "build",
    run: async ({ rust }) => {
      const { skipped, ...firefox } = await ensureFirefox();
      if (skipped) return { skipped };
      await buildPackage(rust);
      await playwright("tests/firefox", firefox);
    },
  },
  {
    name: "consumers",
    what: "the packed package built by every bundler, in an extension, and looked at by publint and attw",
    needs: "browser",
    run: async ({ rust, browser }) => {
      await buildPackage(rust);
      await ensureConsumers();
      await playwright("tests/consumers", browser);
    },
  },
];

async function setUp(chosen) {
  const needs = new Set(chosen.map((stage) => stage.needs));
  if (needs.has("browser")) return setUpTests();
  if (needs.has("build")) return { rust: await setUpBuild() };
  if (needs.has("node")) await setUpNode();
  if (needs.has("cargo")) requireCargo();
  return {};
}

function choose(names) {
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length) throw new Stop(`No stage is called ${unknown.join(" or ")}.`, "npm test -- list");
  return names.length ? stages.filter((stage) => names.includes(stage.name)) : stages;
}

await main(async () => {
  const names = process.argv.slice(2);
  if (names[0] === "list") {
    for (const { name, what } of stages) console.log(`${name.padEnd(12)} ${what}`);
    return;
  }
  const chosen = choose(names);
  const environments = await setUp(chosen);
  const results = [];
  results.push({ name: "set-up", outcome: "done", took: seconds() });
  for (const stage of chosen) {
    step(`Stage ${stage.name}`, stage.what);
    const begin = Date.now();
    let outcome = "passed";
    let detail = "";
    try {
      const skipped = (await stage.run(environments))?.skipped;
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
