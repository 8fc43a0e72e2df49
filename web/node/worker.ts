/** The worker thread's entry: wires the {@link Dispatcher} to the thread's messages, to the engine and to the disk. */

import { parentPort } from "node:worker_threads";
import { invalid, toWireError } from "../shared/errors.js";
import { VERSION, type Response, type ServiceRequest } from "../shared/protocol.js";
import { sleep } from "../shared/retry.js";
import { Dispatcher } from "../worker/dispatcher.js";
import { startEngine } from "../worker/engine.js";
import { chooseFlavor, flavorOfUrl, wasmUrlOf } from "../worker/flavor.js";
import { createTokenizer } from "../worker/tokenizer.js";
import { fetchWithFiles } from "./files.js";
import { DiskStore, withFileLock } from "./store.js";

if (!parentPort) throw new Error("clip-vision's worker is started by the package, not by itself");
const port = parentPort;
const post = (message: Response, transfer: Transferable[] = []): void => port.postMessage(message, transfer as never);

const dispatcher = new Dispatcher({
  post,
  startEngine: async (wasmUrl, _threads, fetch, signal) => {
    const flavor = chooseFlavor(1, wasmUrl && flavorOfUrl(wasmUrl));
    return startEngine(flavor, wasmUrlOf(flavor, wasmUrl), fetch, signal);
  },
  fetch: fetchWithFiles,
  loading: {
    sleep,
    origin: "",
    openStore: () => DiskStore.open(),
    lock: withFileLock,
  },
  readPixels: () => {
    throw invalid("Node cannot read browser images (elements, bitmaps, video frames)");
  },
  decodeInBrowser: () => Promise.resolve(undefined),
  createTokenizer,
  // After the messages that have arrived: they are handled in the event loop's phase before this one.
  nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
  now: () => performance.now(),
});

port.on("message", (request: ServiceRequest) => dispatcher.handle(request));
port.on("messageerror", (error) => post({ type: "crashed", error: toWireError(error) }));
process.on("unhandledRejection", (reason) => post({ type: "crashed", error: toWireError(reason) }));
post({ type: "hello", version: VERSION });
