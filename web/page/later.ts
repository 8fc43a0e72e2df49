/**
 * The part of the page's code that loading a model and embedding a photo does without: a script of its own (`later.js`), which
 * `on_demand.ts` fetches when it is needed.
 */

export { deleteEntries, listEntries } from "./cached_entries.js";
export { pageService } from "./page_service.js";
export { rareOptions } from "./rare_options.js";
export { sendable } from "./sendable.js";
export { drawnSvg, readSvg } from "./svg_drawing.js";
export { taintedPhoto } from "./tainted.js";
export { hintFor } from "./warnings.js";
export { wrongPixels } from "./wrong_pixels.js";
export { embedAll } from "./workers.js";
