/** Whether a server still has the files that an entry of the cache was made of. */

import type { CacheRecord } from "../shared/cache.js";
import type { Validators } from "../shared/files.js";
import { addressOf, openClipOf } from "../shared/model_files.js";
import type { WireLoad } from "../shared/protocol.js";
import { changed, RemoteFile, type Network } from "../shared/remote_file.js";

/** Asks the server; rejects where it does not answer. */
export async function isFresh({ validators, layout }: CacheRecord, load: WireLoad, network: Network, signal: AbortSignal): Promise<boolean> {
  const model = (layout && openClipOf(load.model)) ?? load.model;
  for (const [key, before] of Object.entries(validators)) {
    const url = addressOf(model, key);
    if (url === undefined || changed(before, await validatorsOf(url, network, signal))) return false;
  }
  return true;
}

/** What the server says of a file, without reading it. */
async function validatorsOf(url: string, network: Network, signal: AbortSignal): Promise<Validators> {
  const file = new RemoteFile(url, network);
  let known = false;
  await file.read({ wanted: () => (known ? undefined : [0, 1]), take: () => void (known = true), size: () => undefined }, signal);
  return file.validators;
}
