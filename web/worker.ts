/**
 * The worker's entry: wires the {@link Dispatcher} to this worker's messages, to the engine and to the browser, or is one
 * of the engine's threads, if that is what it is told first. Started by `start_worker.ts`; a page whose bundler or policy wants
 * the file elsewhere names it with `workerUrl`.
 */

import { gpuScript, seldomScript, textScript } from "./load_later.js";
import { toWireError } from "./shared/errors.js";
import { VERSION, type Request, type Response } from "./shared/protocol.js";
import { sleep } from "./shared/retry.js";
import { openStore, withLock } from "./shared/store.js";
import { workerScope } from "./shared/worker_scope.js";
import { builds } from "./wasm/index.js";
import { Dispatcher } from "./worker/dispatcher.js";
import { startEngine } from "./worker/engine.js";
import { findAdapter } from "./worker/gpu/adapter.js";
import { chooseFlavor, flavorOfUrl, wasmUrlOf } from "./worker/flavor.js";
import { beThread, defaultThreads, Helpers } from "./worker/threads.js";

const scope = workerScope();
const post = (message: Response, transfer: Transferable[] = []): void => scope.postMessage(message, transfer);

const helpers = new Helpers(post);
let dispatcher: Dispatcher | undefined;

function createDispatcher(): Dispatcher {
  // A message to ourselves comes after all messages that were sent before it.
  const turns = new MessageChannel();
  const waiting: (() => void)[] = [];
  turns.port1.onmessage = () => waiting.shift()?.();

  return new Dispatcher({
    post,
    startEngine: async (wasmUrl, threads = defaultThreads(), fetch, signal) => {
      const flavor = chooseFlavor(threads, wasmUrl && flavorOfUrl(wasmUrl));
      return startEngine(flavor, wasmUrlOf(flavor, wasmUrl), fetch, signal, (threaded, module) =>
        helpers.start(threaded, module, threads - 1),
      );
    },
    fetch: (url, init) => fetch(url, init),
    loading: {
      sleep,
      origin: location.origin,
      openStore: () => openStore(async () => (await seldomScript()).openCacheStore()),
      lock: withLock,
      gpu: async (takesFallback) => {
        const adapter = await findAdapter(takesFallback);
        return { adapter, Loading: (await gpuScript()).GpuLoading };
      },
    },
    seldom: seldomScript,
    texts: textScript,
    nextTurn: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        turns.port2.postMessage(null);
      }),
    now: () => performance.now(),
  });
}

scope.addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
  switch (request.type) {
    case "help":
      return beThread(request.port, (name) => builds[name]?.glue, () => scope.close());
    case "thread-failed":
      return helpers.fail(request.ticket);
    default:
      return (dispatcher ??= createDispatcher()).handle(request);
  }
});
// What can't be read or was not caught leaves a call without an answer: the page is told, and starts afresh.
scope.addEventListener("messageerror", () => {
  post({ type: "crashed", error: toWireError(new Error("A message from the page could not be read")) });
});
scope.addEventListener("unhandledrejection", (event) => {
  post({ type: "crashed", error: toWireError(event.reason) });
});
post({ type: "hello", version: VERSION });
