/**
 * The entry of a collection's worker. Started by `start_search_worker.ts`; a page whose bundler or policy wants the file elsewhere
 * names it with `workerUrl`.
 */

import { searchServer } from "./search/server.js";
import { workerScope } from "./shared/worker_scope.js";

const scope = workerScope();
const server = searchServer((message, transfer) => scope.postMessage(message, transfer));
scope.addEventListener("message", ({ data }) => server.handle(data));
