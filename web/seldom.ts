/**
 * What the worker needs seldom, in a script of its own, which is fetched when it does (`load_later.ts`): photos that only the browser
 * reads, what to say of a folder that has no model, checksums, models in other layouts or of several modules, a tokenizer of BERT's words,
 * a model as one file, and a cache where there is no private file system.
 */

import { openCacheStore } from "./shared/cache_store.js";
import { tidy } from "./shared/cache_upkeep.js";
import { leave } from "./shared/later_scripts.js";
import { bundled } from "./worker/bundle.js";
import { Checksums, chosenBy, covers, isOpenClip } from "./worker/checksums.js";
import { converted } from "./worker/converting.js";
import { isFresh } from "./worker/freshness.js";
import { hinted } from "./worker/hints.js";
import { feedOthers } from "./worker/layouts.js";
import { mediaTypesOf, perhapsSvg } from "./worker/media_type.js";
import { decodeInBrowser, readPixels } from "./worker/pixels.js";
import { tokenizerJson } from "./worker/word_pieces.js";

const script = {
  bundled,
  Checksums,
  chosenBy,
  converted,
  covers,
  decodeInBrowser,
  feedOthers,
  hinted,
  isFresh,
  isOpenClip,
  mediaTypesOf,
  openCacheStore,
  perhapsSvg,
  readPixels,
  tidy,
  tokenizerJson,
};

/** What it has. */
export type Seldom = typeof script;

leave("seldom", script);
