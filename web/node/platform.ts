/** Node in the browser's place: what each of its entries imports first. */

import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { setPlatform } from "../shared/platform.js";
import type { WorkerLike } from "../shared/worker_like.js";
import { ownBlob } from "./blobs.js";
import { fetchWithFiles } from "./files.js";
import { modelScript, ours, searchScript } from "./scripts.js";
import { DiskStore } from "./store.js";
import { Thread } from "./thread.js";

/** A thread of the package's own, or the application's, which need not be one of Node's. */
function threadOf(own: (() => unknown) | undefined, script: () => URL): WorkerLike {
  const made = own ? own() : ours(script);
  return made instanceof URL || made instanceof Worker ? new Thread(made) : (made as WorkerLike);
}

setPlatform({
  createWorker: (own) => threadOf(own, modelScript),
  createSearchWorker: (own) => threadOf(own, searchScript),
  exists: existsSync,
  fileUrl: (path) => pathToFileURL(path),
  fetch: fetchWithFiles,
  ownBlob,
  openStore: () => DiskStore.open(),
  expectListeners: (signal) => {
    // No limit; signals that are not Node's own (jsdom's) have none.
    if ((signal as unknown) instanceof EventTarget) setMaxListeners(0, signal);
  },
});
