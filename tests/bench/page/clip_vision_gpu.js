// clip-vision on a GPU, through its public API.

import { ClipVision } from "/dist/index.js";
import { picturesOf } from "./pictures.js";

export async function start({ model, precision }) {
  const { pixels } = await picturesOf(model);
  const began = performance.now();
  const worker = () => new Worker("/clip_vision_gpu_worker.js", { type: "module" });
  const clip = await ClipVision.load(`/models/${model}/`, { precision, device: "webgpu", threads: 1, cache: false, worker });
  return {
    facts: { ...clip.info, load: performance.now() - began },
    forward: async (indices) => {
      let sum = 0;
      for (const index of indices) sum += (await clip.embed(pixels(index), { details: true })).timings.forward;
      return sum;
    },
    embed: async (indices) => Promise.all(indices.map(async (index) => Array.from(await clip.embed(pixels(index))))),
  };
}
