/** A recording on its way into a Blob: pieces become Blobs of their own, which browsers keep outside of JavaScript's memory. */

import { guarded, type Engine, type EngineLoader } from "./engine.js";

/** Bytes that are gathered before they become a Blob. */
const GATHERED = 8 << 20;

/** Takes what a loader records, piece by piece. */
export class BlobRecorder {
  readonly #engine: Engine;
  readonly #loader: EngineLoader;
  #blobs: Blob[] = [];
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #gathered = 0;

  constructor(engine: Engine, loader: EngineLoader) {
    [this.#engine, this.#loader] = [engine, loader];
  }

  /** Takes what has been recorded since. */
  drain(): void {
    const data = guarded(this.#engine, () => this.#loader.takeRecorded()) as Uint8Array<ArrayBuffer>;
    this.#pieces.push(data);
    this.#gathered += data.byteLength;
    if (this.#gathered >= GATHERED) this.#gather();
  }

  #gather(): void {
    this.#blobs.push(new Blob(this.#pieces));
    [this.#pieces, this.#gathered] = [[], 0];
  }

  /** The whole file, once everything has been read. */
  finish(): Blob {
    this.drain();
    this.#gather();
    const recorded = guarded(this.#engine, () => this.#loader.finishRecording());
    const header = (recorded?.header ?? new Uint8Array()) as Uint8Array<ArrayBuffer>;
    return new Blob([header, ...this.#blobs], { type: "application/octet-stream" });
  }
}
