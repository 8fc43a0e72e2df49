// How long an application waits for its first embedding: from the server, and from the cache.

import { ClipVision, deleteCached } from "/dist/index.js";
import { photo } from "./pictures.js";

export async function start({ model, precision }) {
  const picture = await photo("640x480.jpg");
  /** A new worker with the model in it, and one embedding: milliseconds until each, and what kept the cache from its work. */
  async function load(cache) {
    const warnings = [];
    const begin = performance.now();
    const options = { precision, cache, worker: () => new Worker("/clip_vision_worker.js", { type: "module" }), onWarning: ({ message }) => warnings.push(message) };
    const clip = await ClipVision.load(`/models/${model}/`, options);
    const loaded = performance.now() - begin;
    await clip.embed(picture);
    const first = performance.now() - begin;
    const { bytes } = clip.info;
    clip.close();
    if (warnings.length) throw new Error(warnings[0]);
    return { loaded, first, bytes };
  }
  return {
    facts: {},
    forget: () => deleteCached(),
    uncached: () => load(false),
    cached: () => load(true),
  };
}
