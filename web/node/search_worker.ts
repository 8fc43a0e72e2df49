/** The entry of a collection's worker thread: `search_worker.ts` in Node. */

import { parentPort } from "node:worker_threads";
import { searchServer } from "../search/server.js";

if (!parentPort) throw new Error("clip-vision's worker is started by the package, not by itself");
const port = parentPort;
const server = searchServer((message, transfer) => port.postMessage(message, transfer as never));
port.on("message", (request) => server.handle(request));
