// One flavour of the wasm file: cargo, then wasm-bindgen (the JavaScript around it), then wasm-opt. The result appears
// under dist/wasm/<flavour>/ in one move, so that nobody ever sees half of it.

import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { note, seconds, step } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";
import { ask, run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { lockedVersion } from "../setup/tools.mjs";

const NAME = "clip_vision";

/**
 * CLIP_VISION_QUICK=1 is for the loop of changing the core and trying it: compiled in parts and again only where it
 * changed (seconds in place of minutes), larger and somewhat slower, never to be published or measured.
 */
const { PROFILE, LEVEL } = process.env.CLIP_VISION_QUICK
  ? { PROFILE: "quick", LEVEL: "-O1" }
  : { PROFILE: "release", LEVEL: "-O3" };

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

/** Builds a flavour unless it is there already; `rust` is the environment from the set-up. */
export async function buildWasm(flavour, rust) {
  const sources = filesUnder(["Cargo.toml", "Cargo.lock", "src"], isRust);
  const compiler = ask("rustc", ["-vV"], { env: rust });
  const how = [flavour.cargoArgs, flavour.env, flavour.wasmOpt, PROFILE, LEVEL, compiler, lockedVersion("wasm-bindgen")];
  const outputs = [`${NAME}.js`, `${NAME}.d.ts`, `${NAME}_bg.wasm`].map((file) => path.join(flavour.outDir, file));
  const hash = hashOf([...sources, inRoot("package-lock.json")], how);
  const stamp = `wasm-${flavour.name}`;
  if (isDone(stamp, hash, outputs)) return;

  step(`Building wasm, flavour ${flavour.name}`, "the Rust core for browsers (minutes the first time, seconds later)");
  const begin = Date.now();
  forget(stamp);
  await run("cargo", ["build", "--locked", "--profile", PROFILE, "--lib", ...flavour.cargoArgs], { env: { ...rust, ...flavour.env } });

  // Many changes to the sources (comments, tests, native code) leave the compiled file as it was.
  const compiled = path.join(flavour.targetDir, "wasm32-unknown-unknown", PROFILE, `${NAME}.wasm`);
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

/** What cargo compiled -> a flavour's `outDir`, by way of a folder beside it. */
export async function bindAndOptimise(compiled, { outDir, wasmOpt }, rust) {
  const fresh = `${outDir}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  // Without a default module path the glue holds no URL of its own: the worker passes one, which bundlers can see.
  await run("wasm-bindgen", [compiled, "--target", "web", "--omit-default-module-path", "--out-dir", fresh], { env: rust });

  const wasm = path.join(fresh, `${path.basename(compiled, ".wasm")}_bg.wasm`);
  const program = inRoot("node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [program, wasm, "-o", wasm, LEVEL, ...RUST_BASELINE, ...wasmOpt]);

  rmSync(outDir, { recursive: true, force: true });
  renameSync(fresh, outDir);
}
