/**
 * The part of the page's code that loading a model and embedding a photo does without: a script of its own (`later.js`), which
 * `on_demand.ts` fetches when it is needed.
 */

export { readPhoto } from "../shared/remote_file.js";
export { deleteEntries, listEntries } from "./cached_entries.js";
export { embedAll } from "./workers.js";
export { sendable } from "./sendable.js";
export { rareOptions } from "./rare_options.js";
export { pageService } from "./page_service.js";
export { drawnSvg } from "./svg_drawing.js";
