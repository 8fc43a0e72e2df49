// What the first texts of a page cost, with a model whose table of tokens is most of its file.

import { ClipVision } from "/dist/index.js";

let clip;

globalThis.query = {
  /** Milliseconds until photos could be embedded. */
  async load(model, options) {
    const begin = performance.now();
    clip = await ClipVision.load(model, { ...options, hub: { endpoint: `${location.origin}/hub` } });
    return { ms: performance.now() - begin };
  },
  /** Milliseconds of a text's embedding, its tokens, and bytes that were read of the table. */
  async text(text) {
    const begin = performance.now();
    const { tokens, tableBytes } = await clip.embedText(text, { details: true });
    return { ms: performance.now() - begin, tokens, tableBytes };
  },
  close: () => clip.close(),
};
