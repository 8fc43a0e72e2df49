/**
 * The engine's threads: more workers of the worker's own script, each with an instance of the same module on the same
 * memory. They wait for work inside WebAssembly and never listen to messages again; they end with the worker that
 * started them, whose children they are.
 *
 * No second script, so that no bundler has to find one: the script tells by the worker's name what it is to be.
 */

import type { Flavour } from "./flavour.js";

type ThreadsFlavour = Extract<Flavour, { memory: WebAssembly.Memory }>;

type GlueOf = (name: ThreadsFlavour["name"]) => ThreadsFlavour["glue"] | undefined;

/** What a worker is called that is to be a thread. */
const THREAD = "clip-vision thread";
/** Milliseconds that a thread may take to start. It is rather done without than waited for. */
const PATIENCE = 10_000;
/** A thread's stack: the kernels need little. A multiple of WebAssembly's page. */
const STACK_BYTES = 262_144;
/** Threads that are started beyond those that help. */
const SPARE = 1;
/** More gain nothing: a picture's work is too little to be shared by so many. */
const MOST_THREADS = 8;

/** What makes a thread of a worker. */
interface Start {
  name: ThreadsFlavour["name"];
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

interface ThreadScope {
  readonly name?: string;
  postMessage(message: "ready" | "failed"): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Start>) => void): void;
}

/** Threads to compute with unless it is said: one core is left for the page. */
export function defaultThreads(): number {
  return Math.min(Math.max((globalThis.navigator?.hardwareConcurrency ?? 1) - 1, 1), MOST_THREADS);
}

/**
 * Starts threads of which so many help at the same time, and tells the engine how many that are: one that can't start is done
 * without. There is a spare one, since it is not foreseeable whose processor will be free (`kernels/threads.rs`).
 */
export async function startHelpers(flavour: ThreadsFlavour, module: WebAssembly.Module, count: number): Promise<void> {
  const start: Start = { name: flavour.name, module, memory: flavour.memory };
  const started = await Promise.all(Array.from({ length: count + SPARE }, () => startHelper(start)));
  flavour.glue.setHelpers(Math.min(started.filter(Boolean).length, count));
}

function startHelper(start: Start): Promise<boolean> {
  return new Promise((resolve) => {
    let worker: Worker | undefined;
    const timer = setTimeout(() => give(false), PATIENCE);
    const give = (ready: boolean) => {
      clearTimeout(timer);
      if (worker) worker.onmessage = worker.onerror = null;
      if (!ready) worker?.terminate();
      resolve(ready);
    };
    try {
      // What some bundlers make of this script is no module.
      worker = new Worker(globalThis.location.href, { type: isModule() ? "module" : "classic", name: THREAD });
      worker.onmessage = ({ data }) => give(data === "ready");
      worker.onerror = (event) => {
        event.preventDefault();
        give(false);
      };
      worker.postMessage(start);
    } catch {
      give(false);
    }
  });
}

/**
 * Whether this worker was started as a module, where `importScripts` is there but may not be called: a TypeError. Firefox
 * says so only when it is given something; what is no address is refused without being looked for.
 */
function isModule(): boolean {
  try {
    (globalThis as unknown as { importScripts(url: string): void }).importScripts("http://");
    return false;
  } catch (error) {
    return error instanceof TypeError;
  }
}

/** Whether this worker is to be a thread. */
export function isThread(): boolean {
  return (globalThis as unknown as ThreadScope).name === THREAD;
}

/** Is a thread, from the first message on; `glueOf` gives the glue of a build. */
export function beThread(glueOf: GlueOf): void {
  const scope = globalThis as unknown as ThreadScope;
  scope.addEventListener("message", ({ data }) => void help(scope, data, glueOf(data.name)));
}

async function help(scope: ThreadScope, { module, memory }: Start, glue: ReturnType<GlueOf>): Promise<void> {
  try {
    await glue?.default({ module_or_path: module, memory, thread_stack_size: STACK_BYTES });
  } catch {
    return scope.postMessage("failed"); // no memory for its stack, say
  }
  scope.postMessage("ready");
  try {
    glue?.helpThreads();
  } catch (error) {
    glue?.failThreads(); // or the engine would wait for ever
    throw error;
  }
}
