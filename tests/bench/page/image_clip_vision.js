// clip-vision from a file's bytes to the tensor that CLIP sees, as an application uses it: the public API, on the page.

import { ClipVision } from "/dist/index.js";
import { cosineSimilarity } from "/dist/search/index.js";

export async function start({ model, options }) {
  const clip = await ClipVision.load(`/models/${model}/`, { threads: 1, worker: () => new Worker("/clip_vision_worker.js", { type: "module" }) });
  const files = new Map();
  return {
    facts: clip.info,
    readImage: async (name) => void files.set(name, new Blob([await (await fetch(`/models/images/${name}`)).arrayBuffer()])),
    tensor: async (name) => {
      const begin = performance.now();
      await clip.tensor(files.get(name), options);
      return performance.now() - begin;
    },
    /** The cosine of what the options give to the exact embedding. */
    cosine: async (name) => {
      const [ours, exact] = [await clip.embed(files.get(name), options), await clip.embed(files.get(name))];
      return cosineSimilarity(ours, exact);
    },
  };
}
