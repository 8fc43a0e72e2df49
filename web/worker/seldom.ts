/** What the worker needs seldom: see `../seldom.ts`, which has it in a script of its own. */

import { tidy } from "../shared/cache_upkeep.js";
import { ApplicationPhotos } from "./application.js";
import { bundled } from "./bundle.js";
import { Checksums, chosenBy, covers, isOpenClip } from "./checksums.js";
import { converted } from "./converting.js";
import { isFresh } from "./freshness.js";
import { hinted } from "./hints.js";
import { feedOthers, openClipConfigured } from "./layouts.js";
import { perhapsSvg } from "./media_type.js";
import { decodeInBrowser, readPixels } from "./pixels.js";
import { tokenizerJson } from "./word_pieces.js";

/** What CLIP's own preprocessing is, for the warning that a model is given it. */
const clipsOwn =
  " (shortest edge to the model's size by bicubic, the middle square, CLIP's mean and deviation), as there is neither " +
  "preprocessor_config.json nor a processor_config.json that says it";

export const seldom = {
  ApplicationPhotos,
  bundled,
  Checksums,
  chosenBy,
  clipsOwn,
  converted,
  covers,
  decodeInBrowser,
  feedOthers,
  hinted,
  isFresh,
  isOpenClip,
  openClipConfigured,
  perhapsSvg,
  readPixels,
  tidy,
  tokenizerJson,
};

/** What few models and photos need. */
export type Seldom = typeof seldom;
