/**
 * What the page and its worker say to each other: calls with their answers (`rpc.ts`), and what is said besides. Types, and
 * the number of their version.
 *
 * The page calls for what is computed, {@link Calls}; the worker calls for what the application's own functions
 * read and decode, {@link PageCalls}. A `thread`, another worker of the same script, is asked for with a `ticket` of the worker's choosing;
 * that one hears `help` and nothing else.
 */

import type { WireError } from "./errors.js";
import type { Answer, Call, RpcRequest } from "./rpc.js";

/** Changes whenever a message changes: a page and a self-hosted worker of different releases must not guess. */
export const VERSION = 10;

/** How the model computes: in 32-bit floats, or its linear layers in 8-bit integers. */
export type Precision = "f32" | "int8";

/** What computes: the kernels in WebAssembly, or a GPU by way of WebGPU. */
export type Device = "wasm" | "webgpu";

/** Why no GPU computes, though one was asked for. */
export type GpuRefusal =
  /** There is no WebGPU, or it knows no GPU. */
  | "no-adapter"
  /** The browser has software in place of a GPU. */
  | "fallback-adapter"
  /** Nobody has reported yet that it works on devices of this kind: iPhones and iPads. */
  | "untested-device"
  /** Models of this kind are computed in WebAssembly alone. */
  | "unsupported-model"
  /** It is not so much faster than WebAssembly that it is worth it. */
  | "slower"
  /** It computed other values than the CPU. */
  | "wrong-numbers"
  /** The driver, the browser or the system took it away. */
  | "lost"
  /** It has not the memory. */
  | "out-of-memory"
  /** It, its driver or the browser failed in another way. */
  | "failed";

/** A GPU, and what a probe of it found before it was used. */
export interface GpuInfo {
  /** Who made it, as far as the browser says: `"apple"`, `"nvidia"`, `""`. */
  readonly vendor: string;
  /** Its architecture, as far as the browser says: `"metal-3"`, `"ampere"`, `""`. */
  readonly architecture: string;
  /** The smallest cosine of what it computed and what the CPU did, of three layers of the model's shape. */
  readonly cosine: number;
  /** Milliseconds that it took for such layers of one photo, its answer included. */
  readonly gpuTime: number;
  /** Milliseconds that WebAssembly took for the same. */
  readonly wasmTime: number;
}

/** An embedding, or the values of a tensor, with a buffer of its own: what `Blob`, `Response` and `postMessage` take. */
export type Floats = Float32Array<ArrayBuffer>;

/** Whether a load uses the cache: not at all; wherever it can; or only while the server has the same files. */
export type CacheMode = "off" | "on" | "revalidate";

/** Something that went wrong without stopping the load or the call. */
export interface LoadWarning {
  /**
   * - `cache-unavailable`: nothing is cached, since the page has no storage (a private window, say) or it failed;
   * - `cache-full`: nothing is cached, since there is no room;
   * - `cache-corrupt`: what was cached is damaged, and is downloaded again;
   * - `cache-unchecked`: the server could not be asked whether the cache is up to date; the cached model is used;
   * - `default-preprocessing`: no file of the model says how its photos are prepared, and CLIP's own way is used: the
   *   embeddings of another model would not be those that Python computes;
   * - `canvas-noise`: the browser falsifies the pixels of photos that come through a canvas, to resist fingerprinting
   *   (reported once);
   * - `unknown-option`: an option that there is not, which changed nothing;
   * - `no-threads`: more threads were asked for than there can be, since the page is not cross-origin isolated, say;
   * - `gpu-failed`: the GPU failed after the model was loaded; from then on WebAssembly computes, and no call is lost.
   */
  code:
    | "cache-unavailable"
    | "cache-full"
    | "cache-corrupt"
    | "cache-unchecked"
    | "default-preprocessing"
    | "canvas-noise"
    | "unknown-option"
    | "no-threads"
    | "gpu-failed";
  /** What happened, for a person. */
  message: string;
}

/** A file of a model: an address, or its content. An `optional` one may be missing on the server. */
export type WireFile = { url: string; optional?: boolean } | { blob: Blob; name: string };

/**
 * The files of a model. Without `config` the weights carry everything along, as `clip-vision convert` puts it. Without
 * `preprocessor` and `processor` CLIP's own preprocessing applies; the tokenizer is `tokenizer`, or else `vocab` and `merges`, or else
 * `wordPieces` with `tokenizerConfig`, and is read when a text is first asked for. `index` is read where there are no `weights`.
 */
export interface WireModel {
  config?: WireFile;
  preprocessor?: WireFile;
  processor?: WireFile;
  weights: WireFile;
  index?: WireFile;
  tokenizer?: WireFile;
  vocab?: WireFile;
  merges?: WireFile;
  wordPieces?: WireFile;
  tokenizerConfig?: WireFile;
}

/** How a model computes, and what it accepts. */
export interface ModelOptions {
  /**
   * How the model computes. Default `"f32"`, with which embeddings equal Python's; and `"int8"` for a file that
   * `clip-vision convert` wrote in 8 bits.
   */
  precision?: Precision;
  /** Whether embeddings are scaled to length 1. Default `true`. */
  normalize?: boolean;
}

/** The largest photo that is accepted. */
export interface PhotoLimits {
  /** Bytes of its file. Default 256 MiB. */
  maxBytes?: number;
  /**
   * Pixels (width × height), whatever size the model wants, and whatever it comes as. Default 100 million. Pixels of a
   * browser's object, or raw ones, are accepted up to 512 MiB besides.
   */
  maxPixels?: number;
}

/** How the table of a text tower's tokens is read: whole, or by the rows that texts need. */
export type TableMode = "whole" | "ranges";

/** What a model is loaded with. */
export interface WireLoad extends ModelOptions, PhotoLimits {
  model: WireModel;
  /** The model's name, for people. */
  name: string;
  revision?: string;
  cache: CacheMode;
  /** How the table of the text tower's tokens is read. */
  table?: TableMode;
  /** The sha256 that files have to have, in hexadecimal digits, by their names: of every file that is used. */
  integrity?: Record<string, string>;
  threads?: number;
  /** What is to compute: `"auto"` is a GPU that was found right and faster. Missing: WebAssembly. */
  device?: Device | "auto";
  /** The worker decodes and prepares photos for another one that has the model: what that one gave for it. */
  preparing?: WireSettings;
  wasmUrl?: string;
  /** What a server is sent along that has the model's files, and no other one. */
  token?: { value: string; origin: string };
  /** Addresses are fetched by the page, with the application's own function. */
  fetchOnPage: boolean;
  /** The media types of files that the page decodes, with the application's own functions. */
  decodeOnPage: readonly string[];
}

/** 8-bit pixels, row by row without padding. */
export interface RawPixels {
  /** `width * height * channels` values, the channels of a pixel side by side. */
  data: Uint8Array | Uint8ClampedArray;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** 1: gray. 3: RGB. 4: RGBA, colors not multiplied by opacity; what is transparent shows the `background`. */
  channels: 1 | 3 | 4;
}

/** Raw pixels on their way. */
export interface WirePixels extends RawPixels {
  kind: "pixels";
}

/** How a file becomes pixels; what is missing is the default, `"exact"` and `"auto"`. */
export interface WireDecoding {
  decode?: "exact" | "fast";
  decoder?: "auto" | "rust" | "browser";
}

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What shows through what is transparent: a color, white by default; or nothing does, as opacity is dropped. */
export interface WireOpacity {
  background?: Rgb | "drop";
}

/** A photo on its way to the worker. `encoded` and `pixels` reach Rust as they are; the worker reads the others. */
export type WirePhoto = WireOpacity &
  (
    | (({ kind: "url"; url: string } | { kind: "blob"; blob: Blob } | { kind: "encoded"; bytes: Uint8Array }) & WireDecoding)
    | WirePixels
    | { kind: "bitmap"; bitmap: ImageBitmap }
    | { kind: "frame"; frame: VideoFrame }
  );

/** Milliseconds that the stages of one embedding took in the worker, without waiting. */
export interface Timings {
  /** From an encoded file to upright 8-bit pixels. */
  decode: number;
  /** From pixels to the model's input: resize, crop, normalization. */
  preprocess: number;
  /** The model itself. */
  forward: number;
}

/** What decoded the photo: this package's Rust, the browser, a function of the application, or nothing, since pixels were given. */
export type Decoder = "rust" | "browser" | "application" | "raw";

/** The answer to `embed`. */
export interface EmbeddingDetails {
  /** One value per dimension; of length 1 unless `normalize: false`. */
  embedding: Floats;
  /** Milliseconds per stage. */
  timings: Timings;
  /** The model: `info.model` of the one that made it. */
  model: string;
  /** What decoded the photo. */
  decoder: Decoder;
  /** The photo's width in pixels, upright. */
  width: number;
  /** The photo's height in pixels, upright. */
  height: number;
  /**
   * Present where this photo came through a canvas and the browser falsifies what is read from one: the embedding is not
   * the photo's, a little or entirely. Files, bytes and pixels do not come through a canvas.
   */
  noisy?: true;
}

/** The answer to `embedText` with details. */
export interface TextDetails {
  /** One value per dimension; of length 1 unless `normalize: false`. */
  embedding: Floats;
  /** Tokens of the text, special ones included. */
  tokens: number;
  /** Bytes that were read of the model's table of tokens for this text; 0 where they had been read before, or with the table. */
  tableBytes: number;
}

/** The same, as the worker answers it: what the model is called the page knows. */
export type WireEmbedding = Omit<EmbeddingDetails, "model">;

/** In what a model's file has its weights: half precision, or 8 bits. */
export type StoredPrecision = "f16" | "int8";

/** How a model becomes one file. */
export interface WireConversion {
  precision: StoredPrecision;
  /** Without the text tower and the tokenizer. */
  visionOnly: boolean;
}

/** The answer to `tensor`: what the model sees of a photo. */
export interface PixelTensor {
  /** Channel by channel (red, green, blue), row by row. */
  data: Floats;
  /** Channels, height, width. */
  shape: [3, number, number];
}

/** What a model embeds. */
export type Task = "photos and texts" | "photos" | "texts";

/** A loaded model, and how it runs here. */
export interface ClipVisionInfo {
  /** What was loaded: the Hub id, the folder's address (without its query, which may be a secret), or `"files"`. */
  readonly model: string;
  /** What the model embeds: of the other kind every call is an `invalid-argument`. */
  readonly task: Task;
  /** Values of an embedding. */
  readonly dimension: number;
  /** Width and height that photos are brought to, in pixels; 0 of a model of texts alone. */
  readonly imageSize: number;
  /**
   * What `classify` gives: `"softmax"` are probabilities that add up to 1, as one of the labels is taken to fit; `"sigmoid"`, of a
   * SigLIP, those of each label by itself: of a photo that fits none all are low. `null` of a model without texts.
   */
  readonly scores: "softmax" | "sigmoid" | null;
  /** How the model computes. */
  readonly precision: Precision;
  /**
   * The file that the vision tower came from: `model.safetensors`; of one in several files their list,
   * `model.safetensors.index.json`; or of a folder that has neither the one among its ONNX files that
   * suits the precision best, such as `onnx/vision_model_quantized.onnx`.
   */
  readonly weights: string;
  /** What computes. Of a GPU that fails later, it is `"wasm"` from then on. */
  readonly device: Device;
  /** The GPU that was looked at, whether or not it computes; missing where none was. */
  readonly gpu?: GpuInfo;
  /** Why no GPU computes, where one was asked for. */
  readonly why?: GpuRefusal;
  /** The SIMD instructions of the engine that was chosen for this browser. */
  readonly simd: "none" | "simd128" | "relaxed";
  /** Threads that compute. */
  readonly threads: number;
  /** Memory of the vision tower's weights, in bytes. */
  readonly bytes: number;
}

/** The answer to `load`. */
export interface LoadedModel extends Omit<ClipVisionInfo, "model"> {
  /** Photos that are worth computing together. */
  readonly batch: number;
}

/** A model's files that say how its photos are prepared. */
export interface WireSettings {
  config: Uint8Array;
  preprocessor?: Uint8Array;
}

/** A photo as the model sees it, and how it was read: by one worker, for another. */
export interface WirePrepared extends Pick<EmbeddingDetails, "decoder" | "width" | "height" | "noisy"> {
  pixels: PixelTensor;
  decode: number;
  preprocess: number;
}

/** How far the files of a load have come. */
export interface FileProgress {
  /** What is being read: the engine itself, the model's small JSON files, or its weights. */
  stage: "engine" | "config" | "weights";
  /** The file's name. */
  file: string;
  /** Bytes read so far; 0 while that is unknown. */
  loaded: number;
  /** Bytes of the file that will be read, where that is known: no more than is needed. */
  total?: number;
  /** The file comes from the cache, not from the network. */
  cached?: true;
}

/** How far a load has come: that of the model, or of its text tower when a text is first asked for. */
export interface LoadProgress extends FileProgress {
  /** How much of all files together, 0 to 1: the engine, the small files and the weights. It never goes back. */
  overall: number;
}

/** What `classify` asks: the photo or its embedding, and the labels as whole texts. */
export type WireQuestion = { prompts: readonly string[] } & ({ photo: WirePhoto } | { embedding: Floats });

/** What each kind of call carries, and what it is answered with. */
export interface Calls {
  load: { argument: WireLoad; result: LoadedModel };
  embed: { argument: WirePhoto; result: WireEmbedding };
  /** The same for one of many: it may be computed together with others. */
  embedOneOfMany: { argument: WirePhoto; result: WireEmbedding };
  tensor: { argument: WirePhoto; result: PixelTensor };
  /** What another worker needs to prepare photos for this one. */
  settings: { argument: undefined; result: WireSettings };
  /** Reads a photo, for another worker to compute. */
  prepare: { argument: WirePhoto; result: WirePrepared };
  /** Computes one that was prepared elsewhere, perhaps with others. */
  embedPrepared: { argument: WirePrepared; result: WireEmbedding };
  embedText: { argument: string; result: TextDetails };
  embedTexts: { argument: readonly string[]; result: Floats[] };
  classify: { argument: WireQuestion; result: Floats };
  toBlob: { argument: WireConversion; result: Blob };
}

/** The name of a call. */
export type CallName = keyof Calls;

/** A call, for each name of {@link Calls}. */
export type CallRequest = Call<Calls>;

/** What an address is read for: a file of the model, or a photo. */
export type FetchPurpose = "model" | "photo";

/** What the worker asks of the page, where the application has functions of its own: what is at an address, and what is in a file. */
export interface PageCalls {
  fetch: {
    argument: { url: string; headers?: Record<string, string>; purpose: FetchPurpose };
    result: {
      /** Where it was found in the end. */
      url: string;
      status: number;
      headers: readonly (readonly [string, string])[];
      body: ReadableStream<Uint8Array> | Blob | null;
    };
  };
  decode: { argument: { type: string; bytes: Uint8Array }; result: RawPixels };
}

/** Page -> worker, about the engine's threads. */
export type ThreadRequest =
  /** Be a thread of the engine at the port's other end. */
  | { type: "help"; port: MessagePort }
  | { type: "thread-failed"; ticket: number };

/** Page -> worker, about calls. */
export type ServiceRequest = RpcRequest<Calls> | Answer<PageCalls>;

/** Page -> worker. */
export type Request = ServiceRequest | ThreadRequest;

/** Worker -> page. */
export type Response =
  /** The script has been loaded and listens. */
  | { type: "hello"; version: number }
  /** The call waits no longer: it is being computed. */
  | { type: "started"; id: number }
  /** It is known that the call was canceled. */
  | { type: "canceled"; id: number }
  | { type: "progress"; id: number; progress: LoadProgress }
  | { type: "warning"; warning: LoadWarning }
  /** The model was loaded once more, without the GPU. */
  | { type: "reloaded"; model: LoadedModel }
  | Answer<Calls>
  /** The engine is lost, and this worker with it; `id` is the call that broke it, if it was one. */
  | { type: "crashed"; id?: number; error: WireError }
  | RpcRequest<PageCalls>
  /** Another worker is to be started, and given this port. */
  | { type: "thread"; ticket: number; port: MessagePort };
