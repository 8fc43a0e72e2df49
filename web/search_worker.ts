/**
 * The entry of a collection's worker. Started by `embeddings.ts`; a page whose bundler or policy wants the file elsewhere
 * names it with `workerUrl`.
 */

import type { SearchRequest } from "./search/protocol.js";
import { SearchServer } from "./search/server.js";

/** The part of DedicatedWorkerGlobalScope that is used here: TypeScript's "DOM" library has only the page's globals. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<SearchRequest>) => void): void;
}

const scope = globalThis as unknown as WorkerScope;
const server = new SearchServer((message, transfer) => scope.postMessage(message, transfer));
scope.addEventListener("message", (event) => server.handle(event.data));
