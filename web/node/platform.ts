/** Node in the browser's place: what each of its entries imports first. */

import { setMaxListeners } from "node:events";
import { pathToFileURL } from "node:url";
import { setPlatform } from "../shared/platform.js";
import { fetchWithFiles } from "./files.js";
import { Thread } from "./thread.js";

setPlatform({
  createWorker: (script) => new Thread(script ?? new URL("./worker.js", import.meta.url)),
  createSearchWorker: (script) => new Thread(script ?? new URL("./search_worker.js", import.meta.url)),
  fileUrl: (path) => pathToFileURL(path),
  fetch: fetchWithFiles,
  expectListeners: (signal) => setMaxListeners(0, signal), // no limit
});
