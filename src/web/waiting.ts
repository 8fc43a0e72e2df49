/** Waiting for work that others may wait for as well, and giving up without taking it from them. */

/** The caller's promise ends with the signal, whatever the awaited work does. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

interface Running<T> {
  result: Promise<T>;
  controller: AbortController;
  waiting: number;
}

/**
 * Work that is done once for all who ask: the first begins it, the last to give up ends it, and after a failure the next
 * one begins anew.
 */
export class Shared<T> {
  readonly #begin: (signal: AbortSignal) => Promise<T>;
  #running: Running<T> | undefined;
  #done = false;

  constructor(begin: (signal: AbortSignal) => Promise<T>) {
    this.#begin = begin;
  }

  /** The work's result; rejects with the signal's reason if that comes first. */
  async get(signal: AbortSignal): Promise<T> {
    const running = (this.#running ??= this.#start());
    running.waiting += 1;
    try {
      return await untilAborted(running.result, signal);
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0 && !this.#done) this.#forget(running);
    }
  }

  #start(): Running<T> {
    const controller = new AbortController();
    const running = { result: this.#begin(controller.signal), controller, waiting: 0 };
    running.result.then(
      () => void (this.#done = this.#running === running),
      () => this.#forget(running),
    );
    return running;
  }

  #forget(running: Running<T>): void {
    if (this.#running === running) this.#running = undefined;
    running.controller.abort();
  }
}
