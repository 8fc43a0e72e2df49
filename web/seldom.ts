/**
 * What the worker needs seldom, in a script of its own, which is fetched when it does (`load_later.ts`): photos that only the browser
 * reads, what to say of a folder that has no model, models of several modules, a tokenizer of BERT's words, and a cache where there is no private file system.
 */

import { openCacheStore } from "./shared/cache_store.js";
import { leave } from "./shared/later_scripts.js";
import { bundled } from "./worker/bundle.js";
import { hinted } from "./worker/hints.js";
import { decodeInBrowser, readPixels } from "./worker/pixels.js";
import { tokenizerJson } from "./worker/word_pieces.js";

const script = { openCacheStore, hinted, bundled, tokenizerJson, decodeInBrowser, readPixels };

/** What it has. */
export type Seldom = typeof script;

leave("seldom", script);
