/**
 * The page's half of a collection's conversation: owns the worker and settles every call.
 *
 * The rows are in the worker alone, so a worker that has once answered is never given up: an error that nobody caught does
 * not end a worker, and its server answers every call whatever happens in it. Only one that never started is: what was
 * pending rejects with `worker-crashed` then, and so does every later call.
 */

import { ClipVisionError, fromWireError } from "../shared/errors.js";
import { untilAborted } from "../shared/waiting.js";
import type { SearchCallName, SearchCalls, SearchRequest, SearchResponse } from "./protocol.js";
import { SearchServer } from "./server.js";

interface Pending {
  resolve(result: never): void;
  reject(error: unknown): void;
}

const crash = (message: string, cause?: unknown): ClipVisionError => new ClipVisionError("worker-crashed", message, { cause });

/** See the module. */
export class Connection {
  readonly #pending = new Map<number, Pending>();
  readonly #send: (message: SearchRequest, transfer: Transferable[]) => void;
  readonly #stop: () => void;
  #ids = 0;
  #heard = false;
  #ended: ClipVisionError | undefined;

  /**
   * @param createWorker starts a worker, where there are workers; without it all is computed in place
   * @throws {@link ClipVisionError} `worker-crashed` if it can't be started
   */
  constructor(createWorker: (() => Worker) | undefined) {
    if (!createWorker) {
      const server = new SearchServer((message) => this.#receive(message));
      this.#send = (message) => server.handle(message);
      this.#stop = () => undefined;
      return;
    }
    let worker: Worker;
    try {
      worker = createWorker();
    } catch (cause) {
      throw crash(`The worker could not be started: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    worker.onmessage = (event) => this.#receive(event.data as SearchResponse);
    // Whose answer it was can't be told.
    worker.onmessageerror = () => this.#rejectAll(crash("An answer of the collection's worker could not be read"));
    worker.onerror = (event) => {
      event.preventDefault?.();
      // A bug, but no harm: it is for whoever can report it.
      if (this.#heard) return console.error("clip-vision: an error in a collection's worker, which goes on:", event.message);
      const reasons = "its file is missing or no JavaScript module, or a Content Security Policy (worker-src) blocks it";
      const detail = event.message ? `: ${event.message}` : "";
      this.end(crash(`The collection's worker could not be started (${reasons})${detail}`, event.error ?? event));
    };
    this.#send = (message, transfer) => worker.postMessage(message, transfer);
    this.#stop = () => worker.terminate();
  }

  /** Makes a call; settles with its answer, with the signal, or with the end of the connection. */
  call<Name extends SearchCallName>(
    type: Name,
    argument: SearchCalls[Name]["argument"],
    { signal, transfer = [] }: { signal?: AbortSignal | undefined; transfer?: Transferable[] } = {},
  ): Promise<SearchCalls[Name]["result"]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = (this.#ids += 1);
    const answer = new Promise<SearchCalls[Name]["result"]>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      try {
        this.#send({ type, id, argument } as SearchRequest, transfer);
      } catch (cause) {
        this.#pending.delete(id);
        const text = cause instanceof Error ? cause.message : String(cause);
        reject(new ClipVisionError("invalid-argument", `This can't be handed to the worker: ${text}`, { cause }));
      }
    });
    if (!signal) return answer;
    const cancel = (): void => {
      if (this.#pending.delete(id)) this.#send({ type: "cancel", id }, []);
    };
    signal.addEventListener("abort", cancel, { once: true });
    return untilAborted(answer, signal).finally(() => signal.removeEventListener("abort", cancel));
  }

  /** Ends the worker; everything pending and everything later rejects with `error`. */
  end(error: ClipVisionError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#stop();
    this.#rejectAll(error);
  }

  #rejectAll(error: ClipVisionError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive(message: SearchResponse): void {
    this.#heard = true;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ("error" in message) pending?.reject(fromWireError(message.error));
    else pending?.resolve(message.result as never);
  }
}
