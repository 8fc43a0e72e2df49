/**
 * Photos that are computed together. A forward pass over a few takes less time than as many passes, where a photo is few
 * tokens (`batch` of the engine's model says how many photos are worth it; docs/recipes.md has the times).
 *
 * Nothing is waited for: a photo that has been prepared takes its place behind those that are still to be prepared, and
 * whose turn to be computed comes first is computed with all that wait by then.
 */

import { everyAborted } from "../shared/waiting.js";
import { release, type EnginePrepared } from "./engine.js";

/** What came of one photo. */
export interface Computed {
  embedding: Float32Array;
  /** Milliseconds: its share of the pass. */
  forward: number;
}

/** What a batch needs of the dispatcher. */
export interface BatchContext {
  /** Photos of a pass at most. */
  size: number;
  /** Computes a pass over photos, which it takes away, until the signal ends it. */
  compute(photos: EnginePrepared[], signal: AbortSignal): Promise<{ output: Float32Array; forward: number }>;
  /** Runs work when no other computation does. */
  inTurn<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T>;
}

interface Member {
  photo: EnginePrepared;
  signal: AbortSignal;
  /** Its result, once a pass has taken it in. */
  computed?: Promise<Computed>;
}

/** The photos of one model that wait to be computed. */
export class Batch {
  readonly #context: BatchContext;
  readonly #waiting = new Set<Member>();

  constructor(context: BatchContext) {
    this.#context = context;
  }

  /** A photo's embedding; it takes the photo away, whatever becomes of it. */
  async embed(photo: EnginePrepared, signal: AbortSignal): Promise<Computed> {
    const member: Member = { photo, signal };
    this.#waiting.add(member);
    try {
      return await this.#context.inTurn(signal, () => member.computed ?? this.#compute(member));
    } finally {
      if (this.#waiting.delete(member)) release(photo);
    }
  }

  /** Computes a photo, and others that wait with it. */
  #compute(first: Member): Promise<Computed> {
    const { size, compute } = this.#context;
    const others = [...this.#waiting].filter((member) => member !== first && !member.signal.aborted);
    const members = [first, ...others].slice(0, size);
    for (const member of members) this.#waiting.delete(member);
    const everyone = everyAborted(members.map(({ signal }) => signal));
    const pass = compute(members.map(({ photo }) => photo), everyone);
    members.forEach((member, index) => {
      member.computed = pass.then(({ output, forward }) => {
        const dimension = output.length / members.length;
        return { embedding: output.slice(index * dimension, (index + 1) * dimension), forward: forward / members.length };
      });
      member.computed.catch(() => undefined); // one that was canceled does not look
    });
    return first.computed as Promise<Computed>;
  }
}
