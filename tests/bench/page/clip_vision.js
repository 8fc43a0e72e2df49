// clip-vision, as an application uses it: the public API, on the page.

import { ClipVision } from "/dist/index.js";
import { photo, picturesOf } from "./pictures.js";

export async function start({ model, precision, threads }) {
  const { pixels } = await picturesOf(model);
  const began = performance.now();
  const clip = await ClipVision.load(`/models/${model}/`, { precision, threads, cache: false, worker: () => new Worker("/clip_vision_worker.js", { type: "module" }) });
  const embedAll = (indices) => Promise.all(indices.map((index) => clip.embed(pixels(index), { details: true })));
  const photos = new Map();
  return {
    facts: { ...clip.info, load: performance.now() - began },
    /** Milliseconds of the forward pass of pictures. */
    forward: async (indices) => (await embedAll(indices)).reduce((sum, { timings }) => sum + timings.forward, 0),
    embed: async (indices) => (await embedAll(indices)).map(({ embedding }) => Array.from(embedding)),
    /** Reads a photo's file; `embedPhoto` is timed from its bytes. */
    readPhoto: async (name) => void photos.set(name, await photo(name)),
    embedPhoto: async (name) => {
      const begin = performance.now();
      const embedding = await clip.embed(photos.get(name));
      return { ms: performance.now() - begin, embedding: Array.from(embedding) };
    },
  };
}
