// The search module: crates/search/src/wasm.rs, a crate root of its own, by rustc alone -> dist/wasm/search.js, which holds the
// wasm file as text. A second or two, and some kilobytes: no cargo, no dependencies, no std.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { ask, run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { RUST_BASELINE } from "./wasm.mjs";

const FLAGS = [
  ["--edition", "2024"],
  ["--crate-name", "clip_vision_search"],
  ["--crate-type", "cdylib"],
  ["--target", "wasm32-unknown-unknown"],
  ["-C", "target-feature=+simd128"],
  ["-C", "opt-level=3"],
  ["-C", "codegen-units=1"],
  ["-C", "lto=fat"],
  ["-C", "panic=abort"],
  ["-C", "strip=symbols"],
  ["-C", "link-arg=-zstack-size=65536"],
].flat();

/** Builds the module unless it is there already; `rust` is the environment from the set-up. */
export async function buildSearch(rust) {
  const outputs = [path.join(dist, "wasm", "search.js"), path.join(dist, "wasm", "search.d.ts")];
  const how = [FLAGS, ask("rustc", ["-vV"], { env: rust })];
  const hash = hashOf([...filesUnder(["crates/search/src"]), inRoot("package-lock.json")], how);
  if (isDone("search", hash, outputs)) return;

  step("Building the search module", "what finds embeddings, without the model");
  const begin = Date.now();
  forget("search");
  const wasm = inRoot("target", "search.wasm");
  mkdirSync(path.dirname(wasm), { recursive: true });
  mkdirSync(path.dirname(outputs[0]), { recursive: true });
  const linker = rust.CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER;
  const link = linker ? ["-C", `linker=${linker}`] : [];
  await run("rustc", [...FLAGS, ...link, "-o", wasm, inRoot("crates", "search", "src", "wasm.rs")], { env: rust });
  const wasmOpt = inRoot("node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [wasmOpt, wasm, "-o", wasm, "-O3", ...RUST_BASELINE, "--enable-simd"]);

  const bytes = readFileSync(wasm);
  writeFileSync(outputs[0], `/** crates/search/src/wasm.rs, compiled; base64. */\nexport const WASM =\n  "${bytes.toString("base64")}";\n`);
  writeFileSync(outputs[1], "/** The search module's wasm file, in base64. */\nexport declare const WASM: string;\n");
  markDone("search", hash);
  note(`search.js: ${bytes.length} bytes of wasm, ${gzipSync(bytes, { level: 9 }).length} gzipped (${seconds(begin)})`);
}
