/**
 * Starts a collection's worker from `search_worker.js` beside this module (see `start_worker.ts`). A module of its own: an
 * application without collections has no such worker in its bundle.
 */

/** A worker of the package's own script. */
export function startSearchWorker(): Worker {
  // Written out in one expression: so bundlers see that there is a worker, and build it.
  return new Worker(new URL("./search_worker.js", import.meta.url), { type: "module" });
}
