/**
 * Starts the model's worker from `worker.js` beside this module. That is why it stands up here and not on the page's side:
 * esbuild and Rollup leave the address as it is, and put the worker beside the bundle that this becomes a part of.
 */

import { besideModule, foreignWorker } from "./shared/foreign_worker.js";

/** A worker of the package's own script. */
export function startWorker(): Worker {
  const foreign = foreignWorker(import.meta.url, "worker.js");
  if (foreign) return foreign;
  // Written out in one expression: so bundlers see that there is a worker, and build it.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return Object.assign(worker, besideModule(import.meta.url, "worker.js"));
}
