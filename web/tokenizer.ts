/** The tokenizer's script, which is fetched once a text comes: a page that only embeds photos loads none of it (`load_later.ts`). */

import { leave } from "./shared/later_scripts.js";
import { createTokenizer } from "./worker/tokenizer.js";

const script = { createTokenizer };

/** What it has. */
export type TokenizerScript = typeof script;

leave("tokenizer", script);
