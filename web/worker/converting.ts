/** A model as one file, as the command `convert` writes it. */

import { ClipVisionError } from "../shared/errors.js";
import { Gathering } from "../shared/gathering.js";
import type { WireConversion } from "../shared/protocol.js";
import { release, type EngineLoader, type EngineModel } from "./engine.js";
import type { Report } from "./feed.js";
import type { ModelLoading } from "./loading.js";
import { tokenizerFiles } from "./tokenizer_files.js";

/** Takes what a loader records, piece by piece. */
export class BlobRecorder {
  readonly #run: <T>(work: () => T) => T;
  readonly #loader: EngineLoader;
  readonly #pieces = new Gathering();

  /** @param run runs a piece of Rust */
  constructor(run: <T>(work: () => T) => T, loader: EngineLoader) {
    [this.#run, this.#loader] = [run, loader];
  }

  /** Takes what has been recorded since. */
  drain(): void {
    this.#pieces.add(this.#run(() => this.#loader.takeRecorded()) as Uint8Array<ArrayBuffer>);
  }

  /** The whole file, once everything has been read. */
  finish(): Blob {
    this.drain();
    const recorded = this.#run(() => this.#loader.finishRecording());
    if (!recorded) throw new ClipVisionError("compute", "The engine gave no header for the file");
    return this.#pieces.blob("application/octet-stream", recorded.header as Uint8Array<ArrayBuffer>);
  }
}

/** Reads the model once more from where it is; it is kept nowhere else. */
export async function converted(loading: ModelLoading, model: EngineModel, how: WireConversion, report: Report, signal: AbortSignal): Promise<Blob> {
  const { files: settings, checksums } = await loading.configured({ report, signal });
  const files = how.visionOnly || !hasText(loading, model) ? {} : await tokenizerFiles(loading, { report, signal, checksums });
  const { precision, visionOnly } = how;
  const [names, contents] = [Object.keys(files), Object.values(files)];
  const { ModelLoader } = loading.engine;
  const loader = loading.run(() =>
    ModelLoader.forConversion(loading.options(settings, false), precision, visionOnly, loading.load.name, names, contents),
  );
  try {
    const recorder = new BlobRecorder((work) => loading.run(work), loader);
    // "text", as files that changed since the model was loaded are another model's.
    await loading.feedAll(loader, { part: "text", checksums, report, signal }, () => recorder.drain());
    return recorder.finish();
  } finally {
    release(loader);
  }
}

/** Whether a model has a text tower that can be loaded. */
function hasText(loading: ModelLoading, model: EngineModel): boolean {
  try {
    loading.run(() => model.textLoader()).free();
    return true;
  } catch (error) {
    if (loading.isCrash(error)) throw error;
    return false;
  }
}
