/** All that only texts need, in a script that is fetched once one comes: a page that only embeds photos loads none of it (`load_later.ts`). */

import { leave } from "./shared/later_scripts.js";
import { textScript } from "./worker/text_script.js";

leave("tokenizer", textScript);
