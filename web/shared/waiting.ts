/** Waiting for work that others may wait for as well, and giving up without taking it from them. */

import { platform } from "./platform.js";

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

/** The next turn of the event loop: what has arrived is handled before. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** A controller whose signal many will listen to at once. */
export function sharedController(): AbortController {
  const controller = new AbortController();
  platform()?.expectListeners(controller.signal);
  return controller;
}

/** A controller that also aborts, with the same reason, when one of the signals does; `unlink` ends that. */
export function linkedTo(...signals: (AbortSignal | undefined)[]): { controller: AbortController; unlink: () => void } {
  const controller = sharedController();
  const forwards = signals.flatMap((signal) => {
    if (!signal) return [];
    const forward = () => controller.abort(signal.reason);
    if (signal.aborted) forward();
    signal.addEventListener("abort", forward);
    return [() => signal.removeEventListener("abort", forward)];
  });
  return { controller, unlink: () => forwards.forEach((remove) => remove()) };
}

/** Does work on each, so many at a time; the first failure stops all. */
export async function eachOf<T>(items: readonly T[], atOnce: number, signal: AbortSignal, work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
  const { controller, unlink } = linkedTo(signal);
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item, controller.signal);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  } finally {
    controller.abort();
    unlink();
  }
}

/** A signal that aborts once all of some have; of those, at least one has not by now. */
export function everyAborted(signals: readonly AbortSignal[]): AbortSignal {
  if (signals.length === 1 && signals[0]) return signals[0];
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    signal.addEventListener("abort", () => void ((left -= 1) === 0 && controller.abort(signal.reason)), { once: true });
  }
  return controller.signal;
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
  readonly #patience: number;
  #running: Running<T> | undefined;
  #done = false;

  /**
   * @param patience milliseconds for which it goes on though nobody waits: where calls replace each other, one gives up
   * just before the next one comes
   */
  constructor(begin: (signal: AbortSignal) => Promise<T>, patience = 0) {
    this.#begin = begin;
    this.#patience = patience;
  }

  /** Whether the work was done, and not in vain. */
  get done(): boolean {
    return this.#done;
  }

  /** The work's result; rejects with the signal's reason if that comes first. */
  async get(signal: AbortSignal): Promise<T> {
    const running = (this.#running ??= this.#start());
    running.waiting += 1;
    try {
      return await untilAborted(running.result, signal);
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0) this.#left(running);
    }
  }

  #left(running: Running<T>): void {
    const end = () => running.waiting === 0 && !this.#done && this.#forget(running);
    if (this.#patience === 0) end();
    else setTimeout(end, this.#patience);
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
