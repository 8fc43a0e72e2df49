// candle-transformers' CLIP compiled to WebAssembly (tests/bench/candle), in a worker.

import init, { CandleClip } from "/candle/clip_vision_bench_candle.js";
import { picturesOf, rows } from "./pictures.js";

const read = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

export async function start({ model }) {
  const { tensor } = await picturesOf(model);
  const began = performance.now();
  await init({ module_or_path: "/candle/clip_vision_bench_candle_bg.wasm" });
  const clip = new CandleClip(await read(`/models/${model}/config.json`), await read(`/models/${model}/model.safetensors`));
  const run = (indices) => {
    const { data } = tensor(indices);
    const begin = performance.now();
    const embeds = clip.embed(data, indices.length);
    return { ms: performance.now() - begin, embeds };
  };
  return {
    facts: { load: performance.now() - began },
    forward: (indices) => run(indices).ms,
    embed: (indices) => rows(run(indices).embeds, indices.length),
  };
}
