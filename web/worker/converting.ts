/** A recording on its way into a Blob. */

import { ClipVisionError } from "../shared/errors.js";
import { Gathering } from "../shared/gathering.js";
import { guarded, type Engine, type EngineLoader } from "./engine.js";

/** Takes what a loader records, piece by piece. */
export class BlobRecorder {
  readonly #engine: Engine;
  readonly #loader: EngineLoader;
  readonly #pieces = new Gathering();

  constructor(engine: Engine, loader: EngineLoader) {
    [this.#engine, this.#loader] = [engine, loader];
  }

  /** Takes what has been recorded since. */
  drain(): void {
    this.#pieces.add(guarded(this.#engine, () => this.#loader.takeRecorded()) as Uint8Array<ArrayBuffer>);
  }

  /** The whole file, once everything has been read. */
  finish(): Blob {
    this.drain();
    const recorded = guarded(this.#engine, () => this.#loader.finishRecording());
    if (!recorded) throw new ClipVisionError("compute", "The engine gave no header for the file");
    return this.#pieces.blob("application/octet-stream", recorded.header as Uint8Array<ArrayBuffer>);
  }
}
