/**
 * The tokenizer's script, which `load_tokenizer.ts` fetches once a text comes: a page that only embeds photos loads none of it.
 *
 * It exports nothing, and leaves what it has where the worker looks for it: so it may be a module or a plain script, whichever a
 * bundler makes of it.
 */

import { TOKENIZER } from "./shared/tokenizer_script.js";
import { createTokenizer } from "./worker/tokenizer.js";

Object.assign(globalThis, { [TOKENIZER]: createTokenizer });
