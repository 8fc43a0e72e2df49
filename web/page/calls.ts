/** The calls of one loaded model: what `ClipVision` and its handles (`latest.ts`) give on. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import type {
  Calls,
  ClipVisionInfo,
  EmbeddingDetails,
  TextDetails,
  Floats,
  LoadWarning,
  PixelTensor,
  WireDecoding,
  WireEmbedding,
  WireOpacity,
  WirePhoto,
} from "../shared/protocol.js";
import { tagOf } from "../shared/values.js";
import { untilAborted } from "../shared/waiting.js";
import type { CallListeners, Client } from "./client.js";
import { decodingOf, svgOf, withDecoding } from "./decoding.js";
import type { EmbedManyOptions, ManyResult, PhotoSources } from "./embed_many.js";
import { checkOptions, warnOfUnknown, type OptionsOf } from "./load_options.js";
import type { BlobOptions, CallOptions, ClassifyOptions, EmbedOptions, EmbedTextOptions, LoadOptions, TextOptions } from "./options.js";
import { onDemand } from "./on_demand.js";
import type { PageFetch } from "./page_service.js";
import { discardPhoto, packPhoto, type PhotoSource } from "./photo.js";
import type { embedAll } from "./workers.js";

/** A label, and how likely it is. */
export interface Classification {
  /** The label, as it was given. */
  label: string;
  /** Its probability, 0 to 1; those of all labels add up to 1, but of a SigLIP each is by itself. */
  score: number;
}

/** A photo, or the embedding that there is of it already. */
export type PhotoOrEmbedding = PhotoSource | Float32Array | readonly number[] | EmbeddingDetails;

/** What a model's calls are made with. */
export interface CallsContext {
  client: Client;
  info: ClipVisionInfo;
  /** Photos that are worth computing together. */
  batch: number;
  /** Whether another worker gets the model without another download. */
  isAtHand: boolean;
  /** How photos become pixels, where a call does not say it. */
  decoding: WireDecoding & WireOpacity;
  svg: boolean;
  /** The application's own, for SVG, which is read on the page. */
  fetch: PageFetch | undefined;
  limits: NonNullable<LoadOptions["limits"]>;
  warn(warning: LoadWarning): void;
}

/** Begins a call: at once, or in the place of another one. */
export type Begin = <T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined, started?: () => void) => Promise<T>,
) => Promise<T>;

const atOnce: Begin = (signal, work) => work(signal);

/** `embedMany`, which is fetched first. */
async function* many<Item>(...asked: Parameters<typeof embedAll<Item>>): AsyncGenerator<ManyResult<Item>, void> {
  const later = await onDemand();
  yield* later.embedAll(...asked);
}

/** One model's calls. */
export class ModelCalls {
  readonly #context: CallsContext;
  readonly #unknown = new Set<string>();
  /** Unknown options have been warned of. */
  #warned: Promise<void> | undefined;

  constructor(context: CallsContext) {
    this.#context = context;
  }

  get info(): ClipVisionInfo {
    return this.#context.info;
  }

  async embed(photo: PhotoSource, options: EmbedOptions = {}, begin = atOnce): Promise<Floats | EmbeddingDetails> {
    this.#check("embed", options);
    const answer = await this.#withPhoto("embed", photo, options, (packed) => packed, begin);
    return options.details ? this.#named(answer) : answer.embedding;
  }

  embedMany<Item>(items: PhotoSources<Item>, options: EmbedManyOptions<Item> = {}): AsyncGenerator<ManyResult<Item>, void> {
    this.#check("many", options);
    return many(items, options, {
      context: this.#context,
      call: (name, client, photo, asked) => this.#withPhoto(name, photo, asked, (packed) => packed, atOnce, client),
      named: (answer) => this.#named(answer),
    });
  }

  async embedTexts(texts: Iterable<string>, options: TextOptions = {}, begin = atOnce): Promise<Floats[]> {
    this.#check("text", options);
    options.signal?.throwIfAborted();
    const all = stringsOf(texts, "text");
    if (all.length === 0) return [];
    return this.#run(options, begin, (listeners) => this.#context.client.call("embedTexts", all, [], listeners));
  }

  async embedText(text: string, options: EmbedTextOptions = {}, begin = atOnce): Promise<Floats | TextDetails> {
    if (typeof text !== "string") throw invalid(`A text must be a string, not ${tagOf(text)}`);
    this.#check("embedText", options);
    const { details, ...rest } = options;
    if (details) {
      options.signal?.throwIfAborted();
      return this.#run(rest, begin, (listeners) => this.#context.client.call("embedText", text, [], listeners));
    }
    const [embedding] = await this.embedTexts([text], rest, begin);
    if (!embedding) throw new ClipVisionError("compute", "The model gave no embedding");
    return embedding;
  }

  async classify(photo: PhotoOrEmbedding, labels: Iterable<string>, options: ClassifyOptions = {}, begin = atOnce): Promise<Classification[]> {
    this.#check("classify", options);
    const names = stringsOf(labels, "label");
    const prompts = promptsOf(names, options.template);
    const embedding = this.#embeddingOf(photo);
    const scores = embedding
      ? await this.#run(options, begin, (listeners) => this.#context.client.call("classify", { embedding, prompts }, [], listeners))
      : await this.#withPhoto("classify", photo as PhotoSource, options, (packed) => ({ photo: packed, prompts }), begin);
    return names.map((label, index) => ({ label, score: scores[index] ?? 0 })).sort((a, b) => b.score - a.score);
  }

  async tensor(photo: PhotoSource, options: CallOptions = {}, begin = atOnce): Promise<PixelTensor> {
    this.#check("tensor", options);
    return this.#withPhoto("tensor", photo, options, (packed) => packed, begin);
  }

  async toBlob(options: BlobOptions = {}): Promise<Blob> {
    this.#check("blob", options);
    const { precision = this.info.precision === "int8" ? "int8" : "f16", visionOnly = false, signal } = options;
    signal?.throwIfAborted();
    if (precision !== "f16" && precision !== "int8") throw invalid(`A file's precision must be "f16" or "int8", not ${String(precision)}`);
    const conversion = { precision, visionOnly: Boolean(visionOnly) };
    return this.#run(options, atOnce, (listeners) => this.#context.client.call("toBlob", conversion, [], listeners));
  }

  close(): void {
    this.#context.client.close();
  }

  #named(answer: WireEmbedding): EmbeddingDetails {
    return { ...answer, model: this.info.model };
  }

  #check(kind: OptionsOf, options: object): void {
    const unknown = checkOptions(kind, options, this.#unknown);
    if (unknown.length > 0) this.#warned = warnOfUnknown(unknown, this.#context.warn);
  }

  /** An embedding that was given in a photo's place. */
  #embeddingOf(given: PhotoOrEmbedding): Floats | undefined {
    const isDetails = typeof given === "object" && given !== null && "embedding" in given;
    const embedding = isDetails ? given.embedding : given;
    const isList = Array.isArray(embedding) && embedding.every((x) => typeof x === "number");
    if (!isList && tagOf(embedding) !== "Float32Array") {
      if (isDetails || Array.isArray(embedding)) throw invalid(`An embedding must be a Float32Array or an array of numbers, not ${tagOf(embedding)}`);
      return undefined;
    }
    const values = new Float32Array(embedding as Float32Array | readonly number[]);
    const { dimension } = this.info;
    if (values.length !== dimension) throw invalid(`The embedding has ${values.length} values, and this model's have ${dimension}`);
    if (!values.every(Number.isFinite)) throw invalid("The embedding has values that are not finite");
    return values;
  }

  async #withPhoto<Name extends "embed" | "embedOneOfMany" | "prepare" | "tensor" | "classify">(
    name: Name,
    source: PhotoSource,
    options: CallOptions & TextOptions,
    argument: (photo: WirePhoto) => Calls[Name]["argument"],
    begin: Begin,
    client = this.#context.client,
  ): Promise<Calls[Name]["result"]> {
    const { decoding, limits, svg: drawsSvg } = this.#context;
    options.signal?.throwIfAborted();
    client.closed.throwIfAborted();
    const own = decodingOf(options);
    const { transfer = false, signal } = options;
    const svg = svgOf(options) ?? drawsSvg;
    const packing = packPhoto(source, { transfer, svg, maxPixels: limits.maxPixels, read: (url) => onDemand().then(({ readSvg }) => readSvg(url, this.#context, signal)) });
    try {
      return await this.#run(options, begin, async (listeners) => {
        const packed = await untilAborted(untilAborted(packing, listeners.signal), client.closed);
        const photo = withDecoding(packed.photo, decoding, own);
        return client.call(name, argument(photo), packed.transfer, listeners);
      });
    } catch (error) {
      packing.then(discardPhoto, () => undefined);
      throw error;
    }
  }

  async #run<T>({ signal, onProgress }: TextOptions, begin: Begin, work: (listeners: CallListeners) => Promise<T>): Promise<T> {
    const answer = await begin(signal, (own, onStarted) => work({ signal: own, onProgress, onStarted }));
    await this.#warned;
    return answer;
  }
}

/** A list of strings, which one string is not. */
function stringsOf(given: Iterable<string>, what: "text" | "label"): string[] {
  if (typeof given === "string" || typeof given?.[Symbol.iterator] !== "function") {
    throw invalid(`The ${what}s must be a list of strings, not ${typeof given === "string" ? "one string" : tagOf(given)}`);
  }
  return Array.from(given, (one) => {
    if (typeof one !== "string") throw invalid(`A ${what} must be a string, not ${tagOf(one)}`);
    return one;
  });
}

/** Labels as the texts that they stand for. */
function promptsOf(labels: readonly string[], template = "a photo of a {}"): string[] {
  if (typeof template !== "string" || !template.includes("{}")) {
    throw invalid(`The template has no {} for the label: ${String(template)}`);
  }
  return labels.map((label) => template.split("{}").join(label));
}
