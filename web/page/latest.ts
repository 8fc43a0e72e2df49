/**
 * Only the latest: of the calls on a {@link Latest} one is computed and one waits at most. For sliders and video, where an
 * answer to what was asked before is of no use.
 *
 * A call that is being computed is let finish. If it were ended as well, calls that come faster than the model computes
 * would end each other, and none would ever be answered.
 */

import type { EmbeddingDetails, Floats, PixelTensor, TextDetails } from "../shared/protocol.js";
import { linkedTo } from "../shared/waiting.js";
import type { Classification, PhotoOrEmbedding } from "./calls.js";
import type { CallOptions, ClassifyOptions, EmbedOptions, EmbedTextOptions, TextOptions } from "./options.js";
import type { PhotoSource } from "./photo.js";

/**
 * A handle of {@link ClipVision.latest}: the calls of `ClipVision`, of which each takes the place of the one that is still
 * waiting. That one rejects with an `AbortError`, as if its own signal had said so.
 */
export interface Latest {
  /** As {@link ClipVision.embed}. */
  embed(photo: PhotoSource, options?: EmbedOptions & { details?: false }): Promise<Floats>;
  /** As {@link ClipVision.embed}. */
  embed(photo: PhotoSource, options: EmbedOptions & { details: true }): Promise<EmbeddingDetails>;
  /** As {@link ClipVision.embed}. */
  embed(photo: PhotoSource, options?: EmbedOptions): Promise<Floats | EmbeddingDetails>;
  /** As {@link ClipVision.embedText}. */
  embedText(text: string, options?: EmbedTextOptions & { details?: false }): Promise<Floats>;
  /** As {@link ClipVision.embedText}. */
  embedText(text: string, options: EmbedTextOptions & { details: true }): Promise<TextDetails>;
  /** As {@link ClipVision.embedText}. */
  embedText(text: string, options?: EmbedTextOptions): Promise<Floats | TextDetails>;
  /** As {@link ClipVision.embedTexts}. */
  embedTexts(texts: Iterable<string>, options?: TextOptions): Promise<Floats[]>;
  /** As {@link ClipVision.classify}. */
  classify(photo: PhotoOrEmbedding, labels: Iterable<string>, options?: ClassifyOptions): Promise<Classification[]>;
  /** As {@link ClipVision.tensor}. */
  tensor(photo: PhotoSource, options?: CallOptions): Promise<PixelTensor>;
}

/** The one place where a call may wait. */
export class WaitingPlace {
  #waiting: AbortController | undefined;

  /**
   * Begins a call, in the place of the one that waits.
   *
   * @param work gets a signal, and tells by calling `started` that it waits no longer
   */
  async run<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal, started: () => void) => Promise<T>): Promise<T> {
    const { controller, unlink } = linkedTo(signal);
    this.#waiting?.abort(new DOMException("A later call took the place of this one", "AbortError"));
    this.#waiting = controller;
    const started = () => {
      if (this.#waiting === controller) this.#waiting = undefined;
    };
    try {
      return await work(controller.signal, started);
    } finally {
      started();
      unlink();
    }
  }
}
