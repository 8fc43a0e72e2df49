/**
 * `latestOnly`: of the calls of one kind only the latest waits for its turn. For sliders and video, where an answer to
 * what was asked before is of no use.
 *
 * A call that is being computed is let finish. If it were ended as well, calls that come faster than the model computes
 * would end each other, and none would ever be answered.
 */

import { ClipVisionError } from "../shared/errors.js";
import { linkedTo } from "../shared/waiting.js";

/** One application's latest calls, by kind. */
export class LatestOnly {
  readonly #waiting = new Map<string, AbortController>();

  /**
   * Begins a call, in the place of the one of its kind that waits.
   *
   * @param work gets a signal, and tells by calling `started` that it waits no longer
   */
  async run<T>(
    kind: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal, started: () => void) => Promise<T>,
  ): Promise<T> {
    const { controller, unlink } = linkedTo(signal);
    this.#waiting.get(kind)?.abort(new ClipVisionError("superseded", "A later call with latestOnly took the place of this one"));
    this.#waiting.set(kind, controller);
    const started = () => {
      if (this.#waiting.get(kind) === controller) this.#waiting.delete(kind);
    };
    try {
      return await work(controller.signal, started);
    } finally {
      started();
      unlink();
    }
  }
}
