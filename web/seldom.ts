/**
 * What the worker needs seldom, in a script of its own, which is fetched when it does (`load_later.ts`): photos that only the browser
 * reads, what to say of a folder that has no model, checksums, models in other layouts or of several modules, a tokenizer of BERT's words,
 * a model as one file, and a cache where there is no private file system.
 */

import { openCacheStore } from "./shared/cache_store.js";
import { leave } from "./shared/later_scripts.js";
import { seldom } from "./worker/seldom.js";

const script = { ...seldom, openCacheStore };

/** What it has. */
export type SeldomScript = typeof script;

leave("seldom", script);
