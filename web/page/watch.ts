/**
 * Whether a worker still listens: it confirms every call that is canceled, as soon as it hears of that. One that says nothing
 * for too long is stuck, in an endless loop, say, and whoever owns it ends it.
 */

/**
 * The time is counted in so many steps. A page that slept or was busy itself sees one of them late, and not the whole time
 * gone by, before it has heard what the worker said meanwhile.
 */
const STEPS = 5;
const LONGEST_STEP = 2 ** 31 - 1; // of setInterval

/** Watches one worker. */
export class Watch {
  readonly #time: number;
  readonly #onSilence: () => void;
  readonly #expected = new Set<number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #steps = 0;

  /**
   * @param time milliseconds that the worker may say nothing; `Infinity`: as many as it likes
   * @param onSilence called once, when it has said nothing for as long
   */
  constructor(time: number, onSilence: () => void) {
    this.#time = time;
    this.#onSilence = onSilence;
  }

  /** A call was canceled, which the worker has to confirm. */
  expect(id: number): void {
    this.#expected.add(id);
    if (this.#timer !== undefined || this.#time === Infinity) return;
    this.#steps = 0;
    this.#timer = setInterval(() => this.#step(), Math.min(this.#time / STEPS, LONGEST_STEP));
    // In Node no program goes on for that.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** The worker has said something: that it knows of a call's end, or anything else. */
  heard(confirmed?: number): void {
    this.#steps = -1; // the one under way is not whole
    if (confirmed !== undefined && this.#expected.delete(confirmed) && this.#expected.size === 0) this.stop();
  }

  /** Ends the watch. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #step(): void {
    this.#steps += 1;
    if (this.#steps < STEPS) return;
    this.stop();
    this.#onSilence();
  }
}
