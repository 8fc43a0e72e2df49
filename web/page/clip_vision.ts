/** A model as an application uses it: the class `ClipVision`. */

import { platform } from "../shared/platform.js";
import type { ClipVisionInfo, EmbeddingDetails, Floats, LoadedModel, PixelTensor, TextDetails } from "../shared/protocol.js";
import { bindToSelf, publish } from "../shared/public_class.js";
import { withoutSecrets } from "../shared/redact.js";
import { given, optionUrl } from "../shared/values.js";
import { startWorker } from "../start_worker.js";
import { ModelCalls, type CallsContext, type Classification, type PhotoOrEmbedding } from "./calls.js";
import { Client } from "./client.js";
import { decodingOf, svgOf } from "./decoding.js";
import type { EmbedManyOptions, ManyResult, PhotoSources } from "./embed_many.js";
import { WaitingPlace, type Latest } from "./latest.js";
import { checkOptions, checkPlace, checkStarted, checkTable, checkThreads, deviceOf, isRare, logWarning, warnOfUnknown } from "./load_options.js";
import { modelName, modelRevision, resolveModel, type ModelSource } from "./model.js";
import { FIRST_MODEL } from "./models.js";
import { onDemand } from "./on_demand.js";
import type { BlobOptions, CallOptions, ClassifyOptions, EmbedOptions, EmbedTextOptions, LoadOptions, TextOptions } from "./options.js";
import type { PhotoSource } from "./photo.js";
import type { RareOptions } from "./rare_options.js";

/**
 * A CLIP model in its own worker.
 *
 * Calls may overlap: they are computed one after the other, and each settles its own promise. They reject with a
 * {@link ClipVisionError}, or with the reason of the signal they were given. If the worker crashes, its pending calls
 * reject with `worker-crashed`, and the next call starts another worker with the same model.
 */
export class ClipVision {
  readonly #calls: ModelCalls;

  private constructor(calls: ModelCalls) {
    this.#calls = calls;
    bindToSelf(this);
  }

  /** The model, and how it runs here. Another object once that has changed, as when a GPU fails. */
  get info(): ClipVisionInfo {
    return this.#calls.info;
  }

  /**
   * Starts a worker and loads a model into it.
   *
   * @param model a Hub id, the URL of a folder, or files. Default: the smallest of the list `models` that is useful for photographs,
   * `wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M`: 154 MB are downloaded, and 178 MB more with the first text
   * @throws {@link ClipVisionError} `fetch` if a file can't be read, `config` or `weights` if one is not as it
   * should be, `out-of-memory`, `unsupported-browser`, `worker-crashed` if the worker can't be started,
   * `invalid-argument`
   */
  static async load(model: ModelSource = FIRST_MODEL, options: LoadOptions = {}): Promise<ClipVision> {
    const unknown = checkOptions("load", options, new Set());
    const { threads, signal, onProgress, onWarning: warn = logWarning, fetch, wasmUrl, worker } = options;
    const place = platform();
    signal?.throwIfAborted();
    checkPlace();
    checkThreads(threads);
    const { why, ...device } = deviceOf(options.device);
    checkTable(options.table);
    const hub = options.hub ?? {};
    let files = resolveModel(model, hub);
    const name = modelName(model);
    const revision = modelRevision(model, hub);
    if (unknown.length > 0) await warnOfUnknown(unknown, warn);
    const { rareOptions, sendable } = place || isRare(options) ? await onDemand() : {};
    const rare = rareOptions?.(options, files.weights) ?? { cache: options.cache === false ? "off" : "on" };
    const { cache, persist, photos, times, token, integrity, decoders = {} }: Partial<RareOptions> = rare;
    if (sendable) files = await sendable(files);
    const decoding = decodingOf(options);
    const svg = svgOf(options) ?? false;
    const client = new Client({
      createWorker: place ? () => place.createWorker(worker) : (worker ?? startWorker),
      load: {
        model: files,
        name: name === "files" && "url" in files.weights ? withoutSecrets(files.weights.url) : name,
        ...(revision !== undefined && { revision }),
        cache,
        ...(integrity && { integrity }),
        ...given(options, "precision", "normalize", "threads", "table"),
        ...device,
        ...photos,
        ...(wasmUrl !== undefined && { wasmUrl: optionUrl(wasmUrl, "wasmUrl").href }),
        ...(token && { token }),
        fetchOnPage: fetch !== undefined,
        decodeOnPage: Object.keys(decoders),
      },
      functions: { fetch, decoders, maxPixels: photos?.maxPixels },
      ...times,
      onWarning: warn,
      onLoaded: (model) => Object.assign(context, named(model)),
    });
    const named = ({ batch, ...model }: LoadedModel) => ({ batch, info: Object.freeze({ model: name, ...given({ why }, "why"), ...model }) });
    const isAtHand = cache !== "off" || "blob" in files.weights;
    const context: Partial<CallsContext> = {};
    const loaded = await client.start(signal, onProgress);
    if (persist && cache !== "off") void globalThis.navigator?.storage?.persist?.().catch(() => false);
    await checkStarted(threads, loaded.threads, warn);
    return new ClipVision(new ModelCalls(Object.assign(context, { client, ...named(loaded), isAtHand, decoding, svg, fetch, limits: photos ?? {}, warn })));
  }

  /**
   * The embedding of a photo: one value per dimension, scaled to length 1 unless the model was loaded with `normalize: false`.
   *
   * @throws {@link ClipVisionError} `decode`, `unsupported-format` or `too-large` for the photo, `fetch` for its address,
   * `invalid-argument`, `out-of-memory`, `worker-crashed`, `closed`
   */
  embed(photo: PhotoSource, options?: EmbedOptions & { details?: false }): Promise<Floats>;
  /** The embedding of a photo with its timings, decoder and size. */
  embed(photo: PhotoSource, options: EmbedOptions & { details: true }): Promise<EmbeddingDetails>;
  embed(photo: PhotoSource, options?: EmbedOptions): Promise<Floats | EmbeddingDetails>;
  embed(photo: PhotoSource, options?: EmbedOptions): Promise<Floats | EmbeddingDetails> {
    return this.#calls.embed(photo, options);
  }

  /**
   * Embeds many photos and yields a result for each, in order: `{ index, item, embedding }`, or `{ index, item, error }` for
   * one that failed. Items are taken from the source only as fast as you consume results; leaving the loop cancels what is
   * under way. If the worker crashes, the photo that caused it yields the error, and the others are tried again in a new worker.
   *
   * @param items photos, or items that the option `photo` gets a photo from: an array, a FileList, or any iterable or async iterable
   * @throws the signal's reason, or {@link ClipVisionError} `closed` or `invalid-argument`
   */
  embedMany<Item extends PhotoSource>(items: PhotoSources<Item>, options?: EmbedManyOptions<Item>): AsyncGenerator<ManyResult<Item>, void>;
  /** The same of items in which the option `photo` finds the photos. */
  embedMany<Item>(
    items: PhotoSources<Item>,
    options: EmbedManyOptions<Item> & Required<Pick<EmbedManyOptions<Item>, "photo">>,
  ): AsyncGenerator<ManyResult<Item>, void>;
  embedMany<Item>(items: PhotoSources<Item>, options?: EmbedManyOptions<Item>): AsyncGenerator<ManyResult<Item>, void> {
    return this.#calls.embedMany(items, options);
  }

  /**
   * The embedding of a text, in the same space as those of photos: their dot product is the cosine. A text that is too long
   * for the model is truncated; anything after 65,536 characters, white space included, is ignored.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} does; `config` if the model has no tokenizer,
   * `invalid-argument` if it is a vision tower alone
   */
  embedText(text: string, options?: EmbedTextOptions & { details?: false }): Promise<Floats>;
  /** The same with its number of tokens, and the bytes that were read of the model's table of tokens. */
  embedText(text: string, options: EmbedTextOptions & { details: true }): Promise<TextDetails>;
  embedText(text: string, options?: EmbedTextOptions): Promise<Floats | TextDetails>;
  embedText(text: string, options?: EmbedTextOptions): Promise<Floats | TextDetails> {
    return this.#calls.embedText(text, options);
  }

  /**
   * The embeddings of several texts, in order, computed several at a time.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embedText} does
   */
  embedTexts(texts: Iterable<string>, options?: TextOptions): Promise<Floats[]> {
    return this.#calls.embedTexts(texts, options);
  }

  /**
   * How likely each label is for a photo, the likeliest first; the probabilities add up to 1, but of a SigLIP each
   * is by itself, and of a photo that fits no label all are low. The labels' embeddings are kept, so the next photo with the same labels costs no more than embedding it. If you give an embedding in place of the photo,
   * nothing is left to compute but the scores.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} and {@link ClipVision.embedText} do
   */
  classify(photo: PhotoOrEmbedding, labels: Iterable<string>, options?: ClassifyOptions): Promise<Classification[]> {
    return this.#calls.classify(photo, labels, options);
  }

  /**
   * What the model sees of a photo: resized, cropped and normalized, channel by channel.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} does
   */
  tensor(photo: PhotoSource, options?: CallOptions): Promise<PixelTensor> {
    return this.#calls.tensor(photo, options);
  }

  /**
   * The model as one file to host yourself: what `clip-vision convert` writes, with the tokenizer and both towers unless `visionOnly`
   * is set. `ClipVision.load` takes it as it is, or by its address once it is on a server, with a name that ends in `.safetensors`.
   *
   * The model's files are read again from where they were loaded, piece by piece. Loaded from the file, an `"int8"` model gives the
   * same embeddings as one that was quantized while it was loaded.
   *
   * @throws {@link ClipVisionError} `fetch` if a file can't be read or has changed since, `weights` if 8 bits would have to become
   * 16, `config` if there is no tokenizer, `out-of-memory`, `worker-crashed`, `closed`
   */
  toBlob(options?: BlobOptions): Promise<Blob> {
    return this.#calls.toBlob(options);
  }

  /**
   * A handle whose calls replace each other while they wait. It is for sliders and videos, which ask faster than the model
   * computes. Calls on different handles don't replace each other.
   */
  latest(): Latest {
    const calls = this.#calls;
    const place = new WaitingPlace();
    const begin = place.run.bind(place);
    return {
      embed: ((photo, options) => calls.embed(photo, options, begin)) as Latest["embed"],
      embedText: ((text, options) => calls.embedText(text, options, begin)) as Latest["embedText"],
      embedTexts: (texts, options) => calls.embedTexts(texts, options, begin),
      classify: (photo, labels, options) => calls.classify(photo, labels, options, begin),
      tensor: (photo, options) => calls.tensor(photo, options, begin),
    };
  }

  /**
   * Ends the worker, which frees the model's memory. Pending calls and all later ones reject with `closed`. Closing again
   * does nothing. `using clip = await ClipVision.load(…)` closes it automatically.
   */
  close(): void {
    this.#calls.close();
  }
}

/** Not of the class itself, since Safari has no such symbols yet. */
export interface ClipVision {
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

publish(ClipVision, "ClipVision");
