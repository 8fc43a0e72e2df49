/**
 * The worker thread's entry: wires the {@link Dispatcher} to the thread's messages, to the engine and to the disk, or is one of
 * the engine's threads, if that is what it is told first.
 */

import { availableParallelism } from "node:os";
import { parentPort } from "node:worker_threads";
import { invalid, toWireError } from "../shared/errors.js";
import { VERSION, type Request, type Response } from "../shared/protocol.js";
import { gpuFailure } from "../shared/gpu_failure.js";
import { sleep } from "../shared/retry.js";
import { builds } from "../wasm/index.js";
import { Dispatcher } from "../worker/dispatcher.js";
import { startEngine } from "../worker/engine.js";
import { chooseFlavor, flavorOfUrl, wasmUrlOf } from "../worker/flavor.js";
import { seldom, type Seldom } from "../worker/seldom.js";
import { textScript } from "../worker/text_script.js";
import { beThread, defaultThreads, Helpers } from "../worker/threads.js";
import { fetchWithFiles } from "./files.js";
import { DiskStore, withFileLock } from "./store.js";

if (!parentPort) throw new Error("clip-vision's worker is started by the package, not by itself");
const port = parentPort;
const post = (message: Response, transfer: Transferable[] = []): void => port.postMessage(message, transfer as never);

/** What few models and photos need, as far as it is there. */
const here: Seldom = {
  ...seldom,
  decodeInBrowser: () => Promise.resolve(undefined),
  readPixels: () => {
    throw invalid("Node cannot read browser images (elements, bitmaps, video frames)");
  },
};

const helpers = new Helpers(post);
let dispatcher: Dispatcher | undefined;

const createDispatcher = (): Dispatcher => new Dispatcher({
  post,
  startEngine: async (wasmUrl, threads = defaultThreads(availableParallelism()), fetch, signal) => {
    const flavor = chooseFlavor(threads, wasmUrl && flavorOfUrl(wasmUrl), true);
    return startEngine(flavor, wasmUrlOf(flavor, wasmUrl), fetch, signal, (threaded, module) =>
      helpers.start(threaded, module, threads - 1),
    );
  },
  fetch: fetchWithFiles,
  loading: {
    sleep,
    origin: "",
    openStore: () => DiskStore.open(),
    lock: withFileLock,
    gpu: () => Promise.reject(gpuFailure("no-adapter", "In Node there is no WebGPU")),
  },
  seldom: () => Promise.resolve(here),
  texts: () => Promise.resolve(textScript),
  // After the messages that have arrived: they are handled in the event loop's phase before this one.
  nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
  now: () => performance.now(),
});

port.on("message", (request: Request) => {
  switch (request.type) {
    case "help":
      return beThread(request.port, (name) => builds[name]?.glue, () => process.exit());
    case "thread-failed":
      return helpers.fail(request.ticket);
    default:
      return (dispatcher ??= createDispatcher()).handle(request);
  }
});
port.on("messageerror", (error) => post({ type: "crashed", error: toWireError(error) }));
process.on("unhandledRejection", (reason) => post({ type: "crashed", error: toWireError(reason) }));
post({ type: "hello", version: VERSION });
