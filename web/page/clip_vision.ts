/** A model as an application uses it: the class `ClipVision`. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { sha256Hex } from "../shared/integrity.js";
import { nameOfFile } from "../shared/model_files.js";
import { platform } from "../shared/platform.js";
import type {
  CacheMode,
  Calls,
  ClipVisionInfo,
  EmbeddingDetails,
  LoadedModel,
  LoadWarning,
  PixelTensor,
  WireDecoding,
  WireFile,
  WireOpacity,
  WirePhoto,
} from "../shared/protocol.js";
import { withoutSecrets } from "../shared/redact.js";
import { readPhoto } from "../shared/remote_file.js";
import { sleep } from "../shared/retry.js";
import { given, optionUrl, tagOf } from "../shared/values.js";
import { untilAborted } from "../shared/waiting.js";
import type { WorkerLike } from "../shared/worker_like.js";
import { startWorker } from "../start_worker.js";
import { Client, type CallListeners } from "./client.js";
import { decodersOf, decodingOf, svgOf, withDecoding } from "./decoding.js";
import { embedMany, type Embedder, type EmbedManyOptions, type ManyResult, type PhotoSources, type Workers } from "./embed_many.js";
import { LatestOnly } from "./latest.js";
import { modelName, modelRevision, resolveModel, sendable, type ModelSource } from "./model.js";
import type { CallOptions, ClassifyOptions, EmbedOptions, LoadOptions, TextOptions } from "./options.js";
import { discardPhoto, packPhoto, type PhotoSource } from "./photo.js";
import { MAX_SVG_BYTES } from "./svg.js";

const WITHOUT_WORKERS =
  "There are no Web Workers here, as in service workers, edge runtimes and jsdom: load the model in a page or a dedicated worker " +
  'and ask that, or in Node, Deno or Bun, which take the package\'s entry of the condition "node"';
/** A larger number of threads is taken for a mistake. */
const MOST_THREADS = 64;

/** How the page takes photos: addresses with the application's own function; its limits; and whether SVG is drawn. */
interface Taking {
  fetch: LoadOptions["fetch"] | undefined;
  maxBytes: number | undefined;
  maxPixels: number | undefined;
  svg: boolean | undefined;
}

/**
 * A CLIP vision model in a worker of its own.
 *
 * Calls may overlap; they are computed one after the other, and each settles its own promise. They reject with a
 * {@link ClipVisionError}, or with the reason of the signal that they were given. If the worker crashes, its pending calls
 * reject with `worker-crashed`, and the next call starts another worker with the same model.
 */
export class ClipVision {
  /** The model, and how it runs here. */
  readonly info: ClipVisionInfo;
  readonly #client: Client;
  readonly #latest = new LatestOnly();
  readonly #decoding: WireDecoding & WireOpacity;
  readonly #taking: Taking;
  readonly #batch: number;

  private constructor(
    client: Client,
    decoding: WireDecoding & WireOpacity,
    taking: Taking,
    model: string,
    { batch, ...loaded }: LoadedModel,
  ) {
    this.#client = client;
    this.#decoding = decoding;
    this.#taking = taking;
    this.#batch = batch;
    this.info = Object.freeze({ model, ...loaded });
  }

  /**
   * Starts a worker and loads a model into it.
   *
   * @param model a Hub id, the URL of a folder, or files
   * @throws {@link ClipVisionError} `fetch` if a file could not be read, `config` or `weights` if one is not what it
   * should be, `out-of-memory`, `unsupported-browser`, `worker-crashed` if the worker can't be started,
   * `invalid-argument`
   */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<ClipVision> {
    const { maxBytes, maxPixels, threads, signal, onProgress, fetch, wasmUrl, startTimeout, cancelTimeout } = options;
    signal?.throwIfAborted();
    if (!platform() && typeof Worker !== "function") {
      throw new ClipVisionError("unsupported-browser", WITHOUT_WORKERS);
    }
    for (const [name, most] of Object.entries({ maxBytes, maxPixels })) {
      if (most === undefined || (Number.isFinite(most) && most >= 1)) continue;
      throw invalid(`${name} must be a finite number from 1, not ${String(most)}`);
    }
    for (const [name, time] of Object.entries({ startTimeout, cancelTimeout })) {
      if (time === undefined || time > 0) continue;
      throw invalid(`${name} must be a number of milliseconds above 0, not ${String(time)}`);
    }
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
      throw invalid(`threads must be a whole number from 1 to ${MOST_THREADS}, not ${String(threads)}`);
    }
    const files = await sendable(resolveModel(model, options));
    const name = modelName(model);
    const revision = modelRevision(model, options);
    const integrity = options.integrity === undefined ? undefined : checksums(options.integrity, files.weights);
    const decoding = decodingOf(options);
    const taking = { fetch, maxBytes, maxPixels, svg: svgOf(options) };
    const decoders = decodersOf(options.decoders);
    const client = new Client({
      createWorker: workerFactory(options.workerUrl),
      load: {
        model: files,
        name: name === "files" && "url" in files.weights ? withoutSecrets(files.weights.url) : name,
        ...(revision !== undefined && { revision }),
        cache: cacheMode(options.cache),
        ...(integrity && { integrity }),
        ...given(options, "precision", "normalize", "maxBytes", "maxPixels", "threads"),
        ...(wasmUrl !== undefined && { wasmUrl: optionUrl(wasmUrl, "wasmUrl").href }),
        fetchOnPage: fetch !== undefined,
        decodeOnPage: Object.keys(decoders),
      },
      functions: { fetch, decoders, maxPixels },
      ...given(options, "startTimeout", "cancelTimeout"),
      onWarning: options.onWarning ?? logSpoilingWarnings,
    });
    if (options.persist) void globalThis.navigator?.storage?.persist?.().catch(() => false);
    return new ClipVision(client, decoding, taking, name, await client.start(signal, onProgress));
  }

  /**
   * The embedding of a photo: one value per dimension, of length 1 unless the model was loaded with `normalize: false`.
   *
   * @throws {@link ClipVisionError} `decode`, `unsupported-format` or `too-large` for the photo, `fetch` for its address,
   * `invalid-argument`, `out-of-memory`, `worker-crashed`, `superseded`, `closed`
   */
  embed(photo: PhotoSource, options?: EmbedOptions & { details?: false }): Promise<Float32Array>;
  /** The embedding of a photo with its timings, decoder and size. */
  embed(photo: PhotoSource, options: EmbedOptions & { details: true }): Promise<EmbeddingDetails>;
  embed(photo: PhotoSource, options?: EmbedOptions): Promise<Float32Array | EmbeddingDetails>;
  async embed(photo: PhotoSource, options: EmbedOptions = {}): Promise<Float32Array | EmbeddingDetails> {
    const answer = await this.#callWithPhoto("embed", photo, options, (packed) => packed);
    return options.details ? answer : answer.embedding;
  }

  /**
   * Embeds many photos, and yields a result for each in order: `{ index, embedding }`, or `{ index, error }` for one that
   * failed. Photos are pulled from the source only as fast as results are consumed; leaving the loop cancels what is under
   * way. If the worker crashes, the photo that caused it yields the error; the others are tried again in another worker.
   *
   * @param photos an array, a FileList, any iterable or asynchronous iterable
   * @throws the signal's reason, or {@link ClipVisionError} `closed`
   */
  embedMany(photos: PhotoSources, options: EmbedManyOptions = {}): AsyncGenerator<ManyResult, void> {
    return embedMany(photos, options, (count) => this.#startWorkers(count), this.#client.closed);
  }

  /**
   * The embedding of a text, in the same space as those of photos: their dot product is the cosine. A text that is longer
   * than the model takes is truncated; what comes after 65,536 letters, white space included, is not looked at.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} does; `config` if the model has no tokenizer,
   * `invalid-argument` if it is a vision tower alone
   */
  async embedText(text: string, options: TextOptions = {}): Promise<Float32Array> {
    options.signal?.throwIfAborted();
    if (typeof text !== "string") throw invalid(`A text must be a string, not ${tagOf(text)}`);
    return this.#run("embedText", options, (listeners) => this.#client.call("embedText", text, [], listeners));
  }

  /**
   * The probability of each label for a photo, in the labels' order; they add up to 1. The labels' embeddings are kept:
   * the next photo with the same ones costs no more than its own embedding.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} and {@link ClipVision.embedText} do
   */
  async classify(photo: PhotoSource, labels: Iterable<string>, options: ClassifyOptions = {}): Promise<number[]> {
    const prompts = promptsOf(labels, options.template);
    const argument = (packed: WirePhoto) => ({ photo: packed, prompts });
    return Array.from(await this.#callWithPhoto("classify", photo, options, argument));
  }

  /**
   * What the model sees of a photo: resized, cropped and normalized, channel by channel.
   *
   * @throws {@link ClipVisionError} as {@link ClipVision.embed} does
   */
  async tensor(photo: PhotoSource, options: CallOptions = {}): Promise<PixelTensor> {
    return this.#callWithPhoto("tensor", photo, options, (packed) => packed);
  }

  /**
   * Ends the worker, which frees the model's memory. Pending calls and all later ones reject with `closed`. Closing twice
   * does nothing.
   */
  close(): void {
    this.#client.close();
  }

  /** This model's worker, and others, which join in once they have loaded it; one that can't is skipped. */
  #startWorkers(count: number): Workers {
    const embedder =
      (client: Client): Embedder =>
      async (photo, options) =>
        (await this.#callWithPhoto("embedOneOfMany", photo, options, (packed) => packed, client)).embedding;
    const embedders = [embedder(this.#client)];
    const others = Array.from({ length: this.info.threads > 1 ? 0 : count - 1 }, () => this.#client.another());
    for (const other of others) {
      other.start().then(
        () => embedders.push(embedder(other)),
        () => undefined,
      );
    }
    return { embedders, batch: this.#batch, close: () => others.forEach((other) => other.close()) };
  }

  async #callWithPhoto<Name extends "embed" | "embedOneOfMany" | "tensor" | "classify">(
    name: Name,
    source: PhotoSource,
    options: CallOptions & TextOptions,
    argument: (photo: WirePhoto) => Calls[Name]["argument"],
    client = this.#client,
  ): Promise<Calls[Name]["result"]> {
    options.signal?.throwIfAborted();
    client.closed.throwIfAborted();
    const decoding = decodingOf(options);
    const { maxPixels } = this.#taking;
    const svg = svgOf(options) ?? this.#taking.svg ?? false;
    const { transfer = false, signal } = options;
    const packing = packPhoto(source, { transfer, svg, maxPixels, read: (url) => this.#readSvg(url, signal) });
    try {
      return await this.#run(name, options, async (listeners) => {
        const packed = await untilAborted(untilAborted(packing, listeners.signal), client.closed);
        const photo = withDecoding(packed.photo, this.#decoding, decoding);
        return client.call(name, argument(photo), packed.transfer, listeners);
      });
    } catch (error) {
      packing.then(discardPhoto, () => undefined);
      throw error;
    }
  }

  /** Reads an SVG on the page, with the application's function if it has one. */
  #readSvg(url: string, signal = new AbortController().signal): Promise<Uint8Array<ArrayBuffer>> {
    const { fetch = (address, init) => globalThis.fetch(address, init), maxBytes = Infinity } = this.#taking;
    return readPhoto(url, { fetch, sleep, origin: location.origin }, signal, Math.min(maxBytes, MAX_SVG_BYTES));
  }

  /** Runs a call, as the only waiting one of its kind if that is asked for. */
  #run<T>(
    kind: string,
    { signal, latestOnly = false, onProgress }: TextOptions,
    work: (listeners: CallListeners) => Promise<T>,
  ): Promise<T> {
    if (!latestOnly) return work({ signal, onProgress });
    return this.#latest.run(kind, signal, (both, onStarted) => work({ signal: both, onProgress, onStarted }));
  }
}

/** Labels as the texts that they stand for. */
function promptsOf(labels: Iterable<string>, template = "a photo of a {}"): string[] {
  if (typeof template !== "string" || !template.includes("{}")) {
    throw invalid(`The template has no {} for the label: ${String(template)}`);
  }
  if (typeof labels === "string") throw invalid("The labels must be a list of strings, not one string");
  return Array.from(labels, (label) => {
    if (typeof label !== "string") throw invalid(`A label must be a string, not ${tagOf(label)}`);
    return template.split("{}").join(label);
  });
}

/** Logs the warnings that an application should not miss even if it does not listen for any. */
function logSpoilingWarnings({ code, message }: LoadWarning): void {
  if (code === "canvas-noise" || code === "default-preprocessing") console.warn(`clip-vision: ${message}`);
}

function cacheMode(cache: boolean | "revalidate" = true): CacheMode {
  if (cache === "revalidate") return cache;
  if (typeof cache !== "boolean") throw invalid(`cache must be true, false or "revalidate", not ${tagOf(cache)}`);
  return cache ? "on" : "off";
}

/** The sha256 of files by their names. */
function checksums(integrity: string | Readonly<Record<string, string>>, weights: WireFile): Record<string, string> {
  const given = typeof integrity === "string" ? { [nameOfFile(weights)]: integrity } : integrity;
  return Object.fromEntries(Object.entries(given).map(([file, sha256]) => [file, sha256Hex(sha256)]));
}

function workerFactory(workerUrl: string | URL | undefined): () => WorkerLike {
  const script = workerUrl === undefined ? undefined : optionUrl(workerUrl, "workerUrl");
  const place = platform();
  if (place) return () => place.createWorker(script);
  if (script) return () => new Worker(script, { type: "module" });
  return startWorker;
}
