// The search module: crates/search without std -> dist/wasm/search.js, which holds the wasm file as text. A second or two, and some
// kilobytes.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { ask, run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { RUST_BASELINE } from "./wasm.mjs";

const CARGO = [
  ["rustc", "--locked", "--release", "-p", "clip-vision-search", "--lib"],
  ["--crate-type", "cdylib", "--no-default-features", "--target", "wasm32-unknown-unknown"],
].flat();

const FLAGS = ["-C", "target-feature=+simd128", "-C", "strip=symbols", "-C", "link-arg=-zstack-size=65536"];

const ENV = {
  CARGO_ENCODED_RUSTFLAGS: FLAGS.join("\x1f"),
  CARGO_PROFILE_RELEASE_LTO: "fat",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "1",
  CARGO_TARGET_DIR: inRoot("target", "search"),
};

/** Builds the module unless it is there already; `rust` is the environment from the set-up. */
export async function buildSearch(rust) {
  const outputs = [path.join(dist, "wasm", "search.js"), path.join(dist, "wasm", "search.d.ts")];
  const how = [CARGO, ENV, ask("rustc", ["-vV"], { env: rust })];
  const hash = hashOf([...filesUnder(["Cargo.lock", "crates/search", "crates/simd"]), inRoot("package-lock.json")], how);
  if (isDone("search", hash, outputs)) return;

  step("Building the search module", "what finds embeddings, without the model");
  const begin = Date.now();
  forget("search");
  mkdirSync(path.dirname(outputs[0]), { recursive: true });
  await run("cargo", CARGO, { env: { ...rust, ...ENV } });
  const compiled = path.join(ENV.CARGO_TARGET_DIR, "wasm32-unknown-unknown", "release", "search.wasm");
  const wasm = inRoot("target", "search.wasm");
  const wasmOpt = inRoot("node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [wasmOpt, compiled, "-o", wasm, "-O3", ...RUST_BASELINE, "--enable-simd"]);

  const bytes = readFileSync(wasm);
  writeFileSync(outputs[0], `/** crates/search, compiled without std; base64. */\nexport const WASM =\n  "${bytes.toString("base64")}";\n`);
  writeFileSync(outputs[1], "/** The search module's wasm file, in base64. */\nexport declare const WASM: string;\n");
  markDone("search", hash);
  note(`search.js: ${bytes.length} bytes of wasm, ${gzipSync(bytes, { level: 9 }).length} gzipped (${seconds(begin)})`);
}
