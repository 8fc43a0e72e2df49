// candle-transformers' CLIP as WebAssembly with plain SIMD, in target/bench/candle: the crate is tests/bench/candle.

import path from "node:path";
import { bindAndOptimize } from "../../../scripts/build.mjs";
import { BASELINE } from "../../../scripts/flavors.mjs";
import { ask, filesUnder, inRoot, once, run } from "../../../scripts/lib.mjs";
import { ensureWasmBindgen } from "../../../scripts/setup.mjs";

const crate = "tests/bench/candle";
const name = "clip_vision_bench_candle";
export const candleOut = inRoot("target", "bench", "candle");

/** Builds it with the flags of our own plain SIMD build, and one for getrandom, which candle needs and our wasm does not. */
export async function ensureCandle() {
  const { wasmOpt } = BASELINE;
  const targetDir = inRoot("target", "bench-candle");
  const rustFlags = [BASELINE.env.CARGO_ENCODED_RUSTFLAGS, "--cfg", 'getrandom_backend="wasm_js"'].join("\x1f");
  const env = { CARGO_ENCODED_RUSTFLAGS: rustFlags, CARGO_TARGET_DIR: targetDir };
  const plan = {
    what: "Building candle's CLIP as wasm",
    why: "a peer of the benchmark (minutes, once)",
    files: filesUnder([crate]),
    how: [env, wasmOpt, process.env.CLIP_VISION_QUICK, ask("rustc", ["-vV"])],
    outputs: [path.join(candleOut, `${name}_bg.wasm`)],
  };
  await once("bench-candle", plan, async () => {
    const args = ["build", "--locked", "--release", "--target", "wasm32-unknown-unknown"];
    await Promise.all([run("cargo", args, { env, cwd: inRoot(crate) }), ensureWasmBindgen()]);
    const compiled = path.join(targetDir, "wasm32-unknown-unknown", "release", `${name}.wasm`);
    await bindAndOptimize(compiled, { outDir: candleOut, wasmOpt }, name);
    return "target/bench/candle is ready";
  });
}
