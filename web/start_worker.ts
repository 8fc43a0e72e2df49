/**
 * Starts the model's worker from `worker.js` beside this module. That is why it stands up here and not on the page's side:
 * esbuild and Rollup leave the address as it is, and put the worker beside the bundle that this becomes a part of.
 */

/** A worker of the package's own script. */
export function startWorker(): Worker {
  // Written out in one expression: so bundlers see that there is a worker, and build it.
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}
