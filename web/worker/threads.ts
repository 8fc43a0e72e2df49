/**
 * The engine's threads: more workers of the worker's own script, each with an instance of the same module on the same
 * memory. They wait for work inside WebAssembly and never listen to messages again.
 *
 * The page starts them, as it starts the worker itself, so that no bundler has to find another script, and ends them with it.
 * The worker could start workers of its own, but in Firefox that may take forever while somebody debugs the page: the two
 * wait for one condition, of which only one of them hears (`WorkerPrivate::SetIsDebuggerRegistered`). What the engine and a
 * thread have to tell each other goes through a port that the page hands on: it never holds the engine's memory.
 */

import type { Response } from "../shared/protocol.js";
import type { ThreadsFlavor } from "./flavor.js";

type GlueOf = (name: ThreadsFlavor["name"]) => ThreadsFlavor["glue"] | undefined;

/**
 * Milliseconds that a thread may take to start, the page's own work included, and to hear from the engine. After that the
 * engine goes on without it.
 */
export const PATIENCE = 10_000;
/** A thread's stack: the kernels need little. A multiple of WebAssembly's page. */
const STACK_BYTES = 262_144;
/** Threads that are started beyond those that help. */
const SPARE = 1;
/** More gain nothing: a photo is too little work for so many. */
const MOST_THREADS = 8;

/** What makes a thread of a worker. */
interface Start {
  name: ThreadsFlavor["name"];
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

/** What a thread reports: that it listens; that it waits for work; that it can't. */
type State = "here" | "ready" | "failed";

/** Threads to compute with unless it is said: of so many cores one is left for the page. */
export function defaultThreads(cores = globalThis.navigator?.hardwareConcurrency ?? 1): number {
  return Math.min(Math.max(cores - 1, 1), MOST_THREADS);
}

/** The worker's end: has threads started. */
export class Helpers {
  #tickets = 0;
  readonly #starting = new Map<number, (ready: boolean) => void>();
  readonly #post: (message: Response, transfer: Transferable[]) => void;

  /** @param post sends a message to the page */
  constructor(post: (message: Response, transfer: Transferable[]) => void) {
    this.#post = post;
  }

  /**
   * Starts threads of which so many help at the same time, and tells the engine how many that are; one that can't start is
   * skipped. There is a spare one, since nobody knows which processor will be free (`crates/kernels/src/threads.rs`).
   */
  async start(flavor: ThreadsFlavor, module: WebAssembly.Module, count: number): Promise<void> {
    const start: Start = { name: flavor.name, module, memory: flavor.memory };
    const started = await Promise.all(Array.from({ length: count + SPARE }, () => this.#startOne(start)));
    flavor.glue.setHelpers(Math.min(started.filter(Boolean).length, count));
  }

  /** The page could not start the worker of this thread. */
  fail(ticket: number): void {
    this.#starting.get(ticket)?.(false);
  }

  #startOne(start: Start): Promise<boolean> {
    return new Promise((resolve) => {
      const ticket = (this.#tickets += 1);
      const { port1: thread, port2: port } = new MessageChannel();
      const give = (ready: boolean) => {
        clearTimeout(timer);
        this.#starting.delete(ticket);
        thread.close();
        resolve(ready);
      };
      const timer = setTimeout(() => give(false), PATIENCE);
      this.#starting.set(ticket, give);
      thread.onmessage = ({ data }: MessageEvent<State>) => {
        if (data !== "here") return give(data === "ready");
        try {
          thread.postMessage(start);
        } catch {
          give(false); // a browser that sends no shared memory through a port
        }
      };
      this.#post({ type: "thread", ticket, port }, [port]);
    });
  }
}

/**
 * Is a thread of the engine at the port's other end, from now on; `glueOf` gives the glue of a build. One that can't be, or
 * that the engine no longer waits for, ends by `end`: ended by the page it could be in the middle of taking memory, under a
 * lock that nobody would open again.
 */
export function beThread(port: MessagePort, glueOf: GlueOf, end: () => void): void {
  const report = (state: State) => port.postMessage(state);
  const fail = () => {
    report("failed");
    end();
  };
  const timer = setTimeout(end, PATIENCE);
  port.onmessage = ({ data: { name, module, memory } }: MessageEvent<Start>) => {
    clearTimeout(timer);
    const glue = glueOf(name);
    if (!glue) return fail();
    glue.start({ module, memory, thread_stack_size: STACK_BYTES }).then(() => {
      report("ready");
      help(glue);
    }, fail); // no memory for its stack, say
  };
  port.onmessageerror = fail;
  report("here");
}

function help(glue: ThreadsFlavor["glue"]): void {
  try {
    glue.helpThreads();
  } catch (error) {
    glue.failThreads(); // or the engine would wait forever
    throw error;
  }
}
