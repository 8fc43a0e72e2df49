/** Fetches what a page does not need at once. */

import { ClipVisionError, messageOf } from "../shared/errors.js";

/**
 * The script with all that comes later. Bundlers make a chunk of it, or a part of their one script.
 *
 * @throws {@link ClipVisionError} `fetch` if it can't be fetched
 */
export async function onDemand(): Promise<typeof import("./later.js")> {
  try {
    return await import("./later.js");
  } catch (cause) {
    const advice = "later.js belongs beside index.js; a page that was opened before the site was updated has to be loaded again";
    throw new ClipVisionError("fetch", `A script of the package could not be loaded: ${messageOf(cause)} (${advice})`, { cause });
  }
}
