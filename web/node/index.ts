/**
 * The package in Node, 20 or newer: the same API. A worker thread takes the Web Worker's place, and what is not an address
 * is a path: `ClipVision.load("./models/clip")`, `clip.embed("photos/cat.jpg")`. There are no elements and no bitmaps;
 * photos in formats that only browsers decode are `unsupported-format`.
 *
 * @packageDocumentation
 */

import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { setPlatform } from "../shared/platform.js";
import { ownBlob } from "./blobs.js";
import { fetchWithFiles } from "./files.js";
import { modelScript, ours, searchScript } from "./scripts.js";
import { DiskStore } from "./store.js";
import { Thread } from "./thread.js";

setPlatform({
  createWorker: (script) => new Thread(script ?? ours(modelScript)),
  createSearchWorker: (script) => new Thread(script ?? ours(searchScript)),
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

export * from "../index.js";
