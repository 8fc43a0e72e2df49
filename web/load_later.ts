/**
 * Fetches the worker's other scripts, `tokenizer.js`, `seldom.js` and `gpu.js` beside this module, once they are needed. They are named as the
 * wasm files are, so that bundlers copy them as they are, and no worker has to be split into chunks. That is also why this stands up
 * here: the addresses have to be those beside the bundle.
 */

import { ClipVisionError, messageOf } from "./shared/errors.js";
import { shortUrl } from "./shared/files.js";
import { left } from "./shared/later_scripts.js";
import type { GpuScript } from "./gpu.js";
import type { SeldomScript } from "./seldom.js";
import type { TextScript } from "./worker/text_script.js";

/** The addresses in functions with a body: what collects a server's files sees them too. */
const ADDRESSES = {
  tokenizer() {
    return new URL("./tokenizer.js", import.meta.url).href;
  },
  seldom() {
    return new URL("./seldom.js", import.meta.url).href;
  },
  gpu() {
    return new URL("./gpu.js", import.meta.url).href;
  },
};

let failures = 0;

/**
 * What a script has.
 *
 * @throws {@link ClipVisionError} `fetch` if it can't be fetched, or is another release's
 */
async function later(name: keyof typeof ADDRESSES): Promise<object> {
  const there = left(name);
  if (there) return there;
  // A browser may remember that an address failed.
  const url = ADDRESSES[name]() + (failures > 0 ? `?${failures}` : "");
  const failed = (why: string, cause?: unknown) => {
    failures += 1;
    const advice = `${name}.js belongs beside worker.js, as the wasm folder does`;
    return new ClipVisionError("fetch", `The script ${shortUrl(url)} ${why} (${advice})`, { url, cause });
  };
  try {
    await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url);
  } catch (cause) {
    throw failed(`could not be loaded: ${messageOf(cause)}`, cause);
  }
  const has = left(name);
  if (!has) throw failed("is not this release's");
  return has;
}

/** What only texts need. */
export const textScript = () => later("tokenizer") as Promise<TextScript>;

/** What few models and photos need. */
export const seldomScript = () => later("seldom") as Promise<SeldomScript>;

/** What computes on a GPU. */
export const gpuScript = () => later("gpu") as Promise<GpuScript>;
