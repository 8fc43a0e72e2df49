/** All that only texts need: see `../tokenizer.ts`, which has it in a script of its own. */

import { loadText } from "./text_loading.js";
import { Texts } from "./texts.js";
import { createTokenizer } from "./tokenizer.js";

export const textScript = { createTokenizer, loadText, Texts };

/** What only texts need. */
export type TextScript = typeof textScript;
