/**
 * Starts a collection's worker from `search_worker.js` beside this module (see `start_worker.ts`). A module of its own: an
 * application without collections has no such worker in its bundle.
 */

import { besideModule, foreignWorker } from "./shared/foreign_worker.js";

/** A worker of the package's own script. */
export function startSearchWorker(): Worker {
  const foreign = foreignWorker(import.meta.url, "search_worker.js");
  if (foreign) return foreign;
  // Written out in one expression: so bundlers see that there is a worker, and build it.
  const worker = new Worker(new URL("./search_worker.js", import.meta.url), { type: "module" });
  return Object.assign(worker, besideModule(import.meta.url, "search_worker.js"));
}
