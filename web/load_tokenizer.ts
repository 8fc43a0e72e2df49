/**
 * Fetches the tokenizer's script, `tokenizer.js` beside this module, when the first text comes. It is named as the wasm files are,
 * so that bundlers copy it as it is, and no worker has to be split into chunks. That is also why this stands up here: the address
 * has to be the one beside the bundle.
 */

import { ClipVisionError, messageOf } from "./shared/errors.js";
import { shortUrl } from "./shared/files.js";
import { TOKENIZER } from "./shared/tokenizer_script.js";
import type { Tokenizer, TokenizerFiles } from "./worker/texts.js";

type Create = (files: TokenizerFiles) => Tokenizer;

/** The address in a function with a body: what collects a server's files sees it too. */
function address(): string {
  return new URL("./tokenizer.js", import.meta.url).href;
}

let failures = 0;

/**
 * A model's tokenizer.
 *
 * @throws {@link ClipVisionError} `fetch` if the script can't be fetched, `config` if the files are not what they should be
 */
export async function createTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  const place = globalThis as { [TOKENIZER]?: Create };
  if (!place[TOKENIZER]) {
    // A browser may remember that an address failed.
    const url = address() + (failures > 0 ? `?${failures}` : "");
    try {
      await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url);
    } catch (cause) {
      failures += 1;
      const what = `The tokenizer's script could not be loaded from ${shortUrl(url)}: ${messageOf(cause)}`;
      const advice = "tokenizer.js belongs beside worker.js, as the wasm folder does";
      throw new ClipVisionError("fetch", `${what} (${advice})`, { url, cause });
    }
  }
  const create = place[TOKENIZER];
  if (!create) throw new ClipVisionError("fetch", `${shortUrl(address())} is not this package's tokenizer.js`, { url: address() });
  return create(files);
}
