/** Lets a number of holders in at a time; the others wait in the order in which they came, until they give up. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param places how many may hold it at once; at least 1 */
  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves once there is a place; rejects with the signal's reason, and takes none, if that comes first. */
  enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(enter);
        reject(signal.reason as Error);
      };
      this.#waiting.add(enter);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Gives the place back, or on to who has waited longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
    } else {
      this.#waiting.delete(next);
      next();
    }
  }
}
