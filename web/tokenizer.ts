/** All that only texts need, in a script that is fetched once one comes: a page that only embeds photos loads none of it (`load_later.ts`). */

import { leave } from "./shared/later_scripts.js";
import { loadText } from "./worker/text_loading.js";
import { Texts } from "./worker/texts.js";
import { createTokenizer } from "./worker/tokenizer.js";

const script = { createTokenizer, loadText, Texts };

/** What it has. */
export type TextScript = typeof script;

leave("tokenizer", script);
