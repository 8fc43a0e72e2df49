// candle-transformers' CLIP as WebAssembly with plain SIMD, in target/bench/candle: the crate is tests/bench/candle.

import path from "node:path";
import { BASELINE, flavourNamed } from "../../../scripts/build/flavours.mjs";
import { bindAndOptimise } from "../../../scripts/build/wasm.mjs";
import { note, seconds, step } from "../../../scripts/lib/log.mjs";
import { inRoot } from "../../../scripts/lib/paths.mjs";
import { ask, run } from "../../../scripts/lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../../../scripts/lib/stamp.mjs";

const crate = "tests/bench/candle";
const name = "clip_vision_bench_candle";
export const candleOut = inRoot("target", "bench", "candle");

/** Builds it with the flags of our own plain SIMD build; `rust` is the environment from the set-up. */
export async function ensureCandle(rust) {
  const { env, targetDir, wasmOpt } = flavourNamed(BASELINE);
  const how = [env, wasmOpt, process.env.CLIP_VISION_QUICK, ask("rustc", ["-vV"], { env: rust })];
  const hash = hashOf(filesUnder([crate]), how);
  if (isDone("bench-candle", hash, [path.join(candleOut, `${name}_bg.wasm`)])) return;
  step("Building candle's CLIP as wasm", "a peer of the benchmark (minutes, once)");
  const begin = Date.now();
  forget("bench-candle");
  const args = ["build", "--locked", "--release", "--target", "wasm32-unknown-unknown"];
  await run("cargo", args, { env: { ...rust, ...env }, cwd: inRoot(crate) });
  const compiled = path.join(targetDir, "wasm32-unknown-unknown", "release", `${name}.wasm`);
  await bindAndOptimise(compiled, { outDir: candleOut, wasmOpt }, rust);
  markDone("bench-candle", hash);
  note(`target/bench/candle is ready (${seconds(begin)})`);
}
