/** A worker thread that looks like a Web Worker, as far as the client looks. */

import { Worker, type TransferListItem } from "node:worker_threads";
import type { WorkerLike } from "../shared/worker_like.js";

/** What is looked at of a message: is it a call, does it end one? */
interface Message {
  type: string;
  id: number;
}

/**
 * A thread keeps the process alive while a call waits for it, and no longer: a script that has its embeddings ends,
 * whether it called `close()` or not.
 */
export class Thread implements WorkerLike {
  readonly diesOfErrors = true;
  onmessage: WorkerLike["onmessage"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  onerror: WorkerLike["onerror"] = null;
  readonly #worker: Worker;
  readonly #calls = new Set<number>();

  constructor(script: URL | Worker) {
    // Node's own options are those of the program's entry: some forbid an entry that is a file.
    this.#worker = script instanceof URL ? new Worker(script, { execArgv: [] }) : script;
    this.#worker.on("message", (message: Message) => {
      if (message.type === "done" || message.type === "failed") this.#settled(message.id);
      this.onmessage?.({ data: message } as MessageEvent);
    });
    this.#worker.on("messageerror", (error) => this.onmessageerror?.({ data: error } as MessageEvent));
    this.#worker.on("error", (error: Error) => this.onerror?.({ message: error.message, error } as ErrorEvent));
    this.#worker.on("exit", (code) => this.onerror?.({ message: `the thread ended with exit code ${code}` } as ErrorEvent));
  }

  postMessage(message: Message, transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer as unknown as TransferListItem[]);
    if (message.type === "help") this.#worker.unref(); // it computes for another thread, and has no calls
    if (message.type === "cancel") this.#settled(message.id);
    if (!("argument" in message)) return;
    this.#calls.add(message.id);
    this.#worker.ref();
  }

  terminate(): void {
    void this.#worker.terminate();
  }

  #settled(id: number): void {
    if (this.#calls.delete(id) && this.#calls.size === 0) this.#worker.unref();
  }
}
