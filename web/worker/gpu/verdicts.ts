/**
 * What probes have found, kept beside the cached models: by the adapter, the browser and this package's release, and by the layer that was
 * computed. So a page that is opened again waits for no probe.
 */

import type { GpuInfo, GpuRefusal } from "../../shared/protocol.js";
import { VERDICTS, type Store } from "../../shared/store.js";

/** What a probe found. */
export interface Verdict extends Pick<GpuInfo, "cosine" | "gpuTime" | "wasmTime"> {
  /** Why the GPU is not to be used; missing where it is. */
  why?: GpuRefusal;
  /** The time, as `Date.now` has it, until which that holds; missing where it always does. */
  until?: number;
}

/** So many are kept, the latest. */
const MOST = 32;
/** An hour and a day, in milliseconds. */
const [HOUR, DAY] = [3_600_000, 86_400_000];
/** What is said of a GPU that failed before it had computed anything. */
const UNKNOWN = { cosine: 0, gpuTime: 0, wasmTime: 0 };

/** The verdict of a store on one GPU and model. Nothing here fails: without a store a probe is made each time. */
export class Verdicts {
  readonly #store: Store | undefined;
  /** What it is about. */
  readonly #key: string;

  constructor(store: Store | undefined, key: string) {
    this.#store = store;
    this.#key = key;
  }

  async get(): Promise<Verdict | undefined> {
    const verdict = (await this.#all()).find(([kept]) => kept === this.#key)?.[1];
    return verdict && Date.now() < (verdict.until ?? Infinity) ? verdict : undefined;
  }

  /** Keeps a verdict, in place of an earlier one. */
  async set(verdict: Verdict): Promise<void> {
    if (!this.#store) return;
    const others = (await this.#all()).filter(([kept]) => kept !== this.#key);
    try {
      const writer = await this.#store.create(VERDICTS);
      writer.write(0, new TextEncoder().encode(JSON.stringify([...others, [this.#key, verdict]].slice(-MOST))));
      await writer.close();
    } catch {
      // another tab is writing its own, or there is no room: the next load makes a probe again
    }
  }

  /** Keeps why a GPU failed, whatever a probe had found: for good if it computes wrongly, for an hour if it was lost, as while a device sleeps, else for a day. */
  failed(why: GpuRefusal, { cosine, gpuTime, wasmTime }: Pick<Verdict, "cosine" | "gpuTime" | "wasmTime"> = UNKNOWN): Promise<void> {
    return this.set({ cosine, gpuTime, wasmTime, why, ...(why !== "wrong-numbers" && { until: Date.now() + (why === "lost" ? HOUR : DAY) }) });
  }

  async #all(): Promise<[string, Verdict][]> {
    try {
      const all = JSON.parse((await (await this.#store?.read(VERDICTS))?.text()) ?? "[]") as unknown;
      return Array.isArray(all) ? all.filter(isEntry) : [];
    } catch {
      return []; // cut off while it was written
    }
  }
}

function isEntry(entry: unknown): entry is [string, Verdict] {
  if (!Array.isArray(entry) || typeof entry[0] !== "string") return false;
  const { cosine, gpuTime, wasmTime } = (entry[1] ?? {}) as Partial<Verdict>;
  return [cosine, gpuTime, wasmTime].every((value) => typeof value === "number");
}
