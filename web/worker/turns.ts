/** Who computes when: one at a time in the engine, and one on a GPU, while the engine prepares what comes next. */

import { guarded, release, type Engine, type EnginePass } from "./engine.js";
import { Semaphore } from "./semaphore.js";

/** What turns need of the world. */
export interface TurnHost {
  /** Resolves after the messages that have arrived by now have been handled. */
  nextTurn(): Promise<void>;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** What a pass gave: embeddings one after the other, and its milliseconds. */
export interface PassResult {
  output: Float32Array;
  forward: number;
}

/** Milliseconds of computing after which the worker listens, once the layer is done; listening takes a hundredth of that. */
const LISTEN_EVERY = 4;

/** See the module. */
export class Turns {
  readonly #host: TurnHost;
  readonly #engine = new Semaphore(1);
  readonly #gpu = new Semaphore(1);

  constructor(host: TurnHost) {
    this.#host = host;
  }

  /** One computation at a time, and the messages that came meanwhile are handled before the next. */
  async inEngine<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    await this.#engine.enter(signal);
    try {
      return await work();
    } finally {
      void this.#host.nextTurn().then(() => this.#engine.leave());
    }
  }

  /** One computation at a time. */
  async onGpu<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    await this.#gpu.enter(signal);
    try {
      return await work();
    } finally {
      this.#gpu.leave();
    }
  }

  /** Computes a pass in the engine, and handles messages between the layers: a call that is canceled ends it there. */
  async forward(engine: Engine, start: () => EnginePass, signal: AbortSignal): Promise<PassResult> {
    const { now, nextTurn } = this.#host;
    let begin = now();
    const pass = guarded(engine, start);
    let forward = now() - begin;
    try {
      for (;;) {
        await nextTurn();
        signal.throwIfAborted();
        begin = now();
        let output: Float32Array | undefined;
        do output = guarded(engine, () => pass.step());
        while (!output && now() - begin < LISTEN_EVERY);
        forward += now() - begin;
        if (output) return { output, forward };
      }
    } finally {
      release(pass);
    }
  }
}
