/**
 * The page's end of a collection's conversation: owns the worker and settles every call.
 *
 * The rows are in the worker alone, so a browser's worker that has once answered is never given up: an error that nobody
 * caught does not end it, and its server answers every call whatever happens in it. One that never started is given up, and so
 * is a thread of Node's that ended (its memory was full, say): what was pending rejects with `worker-crashed` then, and so does
 * every later call.
 */

import { ClipVisionError } from "../shared/errors.js";
import { RpcClient } from "../shared/rpc_client.js";
import { tagOf } from "../shared/values.js";
import { startFailure, started, type WorkerLike } from "../shared/worker_like.js";
import type { SearchCalls, SearchResponse } from "./protocol.js";

const crash = (message: string, cause?: unknown): ClipVisionError => new ClipVisionError("worker-crashed", message, { cause });

/** See the module. Of a call that reports its progress, `listeners` hears it. */
export class Connection extends RpcClient<SearchCalls, (done: number) => void> {
  readonly #worker: WorkerLike;
  #heard = false;

  /**
   * @param createWorker starts a worker
   * @throws {@link ClipVisionError} `worker-crashed` if it can't be started
   */
  constructor(createWorker: () => WorkerLike) {
    const worker = started(createWorker);
    super((message, transfer) => worker.postMessage(message, transfer));
    this.#worker = worker;
    worker.onmessage = (event) => {
      this.#heard = true;
      const message = event.data as SearchResponse;
      if (message.type === "progress") this.listenersOf(message.id)?.(message.done);
      else this.receive(message);
    };
    // Whose answer it was can't be told.
    worker.onmessageerror = () => this.rejectAll(crash("An answer of the collection's worker could not be read"));
    worker.onerror = (event) => {
      event.preventDefault?.();
      // A bug, but no harm: it is for whoever can report it.
      if (this.#heard && !worker.diesOfErrors) return console.error("clip-vision: an error in a collection's worker, which goes on:", event.message);
      const what = this.#heard ? `The collection's worker ended: ${event.message}` : startFailure("The collection's worker", event, worker);
      this.end(crash(what, event.error ?? event));
    };
  }

  /** Whether another worker like this one computes beside it: not one that computes in place. */
  get isParallel(): boolean {
    return this.#worker.diesOfErrors === true || tagOf(this.#worker) === "Worker";
  }

  /** Ends the worker; everything pending and everything later rejects with `error`. */
  override end(error: ClipVisionError): void {
    if (this.ended) return;
    super.end(error);
    this.#worker.terminate();
  }
}
