/** What an application may ask of a model and of each call. */

import type { Device, FetchPurpose, LoadProgress, LoadWarning, ModelOptions, PhotoLimits, StoredPrecision, TableMode } from "../shared/protocol.js";
import type { DecodingOptions, PhotoDecoder } from "./decoding.js";
import type { HubOptions } from "./model.js";

/** Whether and how a model is kept on this machine. */
export interface CacheOptions {
  /** As the option `cache` itself. Default `true`. */
  mode?: boolean | "revalidate";
  /** Asks the browser to keep the cache even when disk space runs short (`navigator.storage.persist()`); it may ask the user. */
  persist?: boolean;
}

/** What is refused, and how long to wait. */
export interface Limits extends PhotoLimits {
  /**
   * Milliseconds within which the worker's script must run; after that the load rejects with `worker-crashed`. The model's
   * download has no limit. Default 60,000; `Infinity` waits forever.
   */
  startTimeout?: number;
  /**
   * Milliseconds that the worker has to react when a call is canceled. The promise itself rejects at once. A worker that
   * stays silent longer counts as stuck (on a hostile file, say): it is terminated, pending calls reject with
   * `worker-crashed`, and the next call starts another. The worker reacts between two layers of the model and after
   * decoding a photo; decoding 100 megapixels takes 1.5 s on a laptop, and several times that on a slow phone. Default
   * 10,000. Less is enough for a small model and small photos; `Infinity` waits forever.
   */
  cancelTimeout?: number;
}

/** Options of `ClipVision.load`. */
export interface LoadOptions extends ModelOptions, DecodingOptions {
  /**
   * How many threads to compute with, including the worker's own; 1 to 64. In a browser, more than one needs a page that is
   * cross-origin isolated (the headers `Cross-Origin-Opener-Policy: same-origin` and
   * `Cross-Origin-Embedder-Policy: require-corp`). Without that there is one thread, whatever you ask for, and the warning
   * `no-threads` says so. Default: one less than the number of cores, at most 8. {@link ClipVisionInfo.threads} is the
   * number in use. It makes no difference to the embeddings, not by a bit.
   */
  threads?: number;
  /**
   * What computes. `"auto"`, the default, is a GPU (WebGPU) where a probe, before any weight is read, finds that it computes what the
   * CPU does and is at least 1.3 times as fast, and else the CPU; {@link ClipVisionInfo.device} says which it is, and
   * {@link ClipVisionInfo.why} why it is not the GPU. `"wasm"` is the CPU, and asks for no GPU. `"webgpu"` takes a GPU that computes right, however fast it is, software in a GPU's
   * place too, and rejects with `gpu` where there is none. A GPU that fails later is replaced by the CPU: no call is lost, and
   * the warning `gpu-failed` says so. docs/gpu.md has the rest.
   */
  device?: "auto" | Device;
  /**
   * How the table of the text tower's tokens is read. That of a multilingual model is most of its file (786 MB in SigLIP 2),
   * and a text needs some ten of its rows. `"ranges"` reads those when the text comes, and keeps them; each text with words
   * that are new then needs the network, and the model's host sees which rows are asked for, which tells these words. `"whole"` reads the table with the text tower. Default: by ranges where it takes
   * more than 256 MiB in single precision, which no vocabulary of English does. With `integrity`, and from a server
   * without ranges, the table is read whole.
   */
  table?: TableMode;
  /**
   * An access token for a private or gated model. It is sent as `Authorization: Bearer …` with requests for the model's
   * files, and only to the server in the model's address (the Hub, for a Hub id): not to servers that it redirects to, and
   * not to those that photos come from. A cached model needs no token.
   */
  token?: string;
  /** Cancels the load and ends the worker; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as files arrive, at most about twenty times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Called for problems that do not stop the load, such as a cache that can't be used, and later if the browser falsifies
   * pixels. Default: warnings go to the console, except those about the cache.
   */
  onWarning?: (warning: LoadWarning) => void;
  /**
   * Functions that decode photos, by media type: `{ "image/heic": decode }`. A file of such a type, recognized by its
   * content, goes to this function and to no other decoder, whatever `decoder` says; `details.decoder` is then
   * `"application"`. docs/recipes.md has one for HEIC.
   */
  decoders?: Readonly<Record<string, PhotoDecoder>>;
  /**
   * Fetches the model's files (`purpose` is `"model"`) and photos (`"photo"`) in place of the browser's `fetch`, to add
   * headers or credentials. It is called on the page; bodies are streamed to the worker. Pass `init` on: its `headers`
   * may ask for part of a file (`Range`). Default: the worker's own `fetch`.
   */
  fetch?: (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }, purpose: FetchPurpose) => Promise<Response>;
  /**
   * The sha256 that each file must have, by file name (`{ "config.json": …, "model.safetensors": … }`), in hexadecimal
   * or as `"sha256-…"` in base64. For a model in a single file, the checksum alone will do. Every file that is used needs a
   * checksum, and every name must belong to a file that is used. Otherwise the load rejects with `integrity`; if it
   * concerns the text tower or the tokenizer, the first call with a text does. (You may name `vocab.json` and `merges.txt`
   * beside a `tokenizer.json`, which is then the one used.) If the index has a checksum and `model.safetensors` has none,
   * the weights are read from the files in the index. Files are downloaded whole, even where a part would be enough, and
   * what was cached without these checksums is downloaded again.
   */
  integrity?: string | Readonly<Record<string, string>>;
  /**
   * Whether the model is kept on this machine, so that the next load needs no network: in the Origin Private File System,
   * or in the Cache API where there is none; in Node, in the folder that docs/recipes.md names. `true`, the default, uses
   * the cached model without asking the server. `"revalidate"` first asks whether the files are still the same, and uses
   * the cached model if there is no answer. `false` neither reads nor writes the cache. Blobs and bytes are never cached.
   * The same address with another query counts as another model; the query itself is not stored.
   */
  cache?: boolean | "revalidate" | CacheOptions;
  /** Where Hub models are fetched from. */
  hub?: HubOptions;
  /** What is refused, and how long to wait. */
  limits?: Limits;
  /**
   * Starts a worker that runs this package's `worker.js`, for applications that serve it from a place of their own. Called
   * once for each worker and each thread. Default: the file beside this module, which bundlers find.
   */
  worker?: () => Worker;
  /**
   * Where the wasm files are, if not in `wasm/` beside the worker: either a folder like that one, ending in a slash, or a
   * single `clip_vision_bg.wasm`. In that case the name of its folder decides on SIMD and threads (an unknown name counts
   * as `simd`).
   */
  wasmUrl?: string | URL;
}

/** Options of any call. */
export interface CancelOptions {
  /**
   * Cancels the call: its promise rejects with the signal's reason at once. A call that is still waiting is never computed;
   * one under way, photo or text, stops after the current layer of the model. A worker that does not react is
   * terminated ({@link Limits.cancelTimeout}).
   */
  signal?: AbortSignal;
}

/** Options of a call with a photo. Decoding options default to those given in {@link LoadOptions}. */
export interface CallOptions extends CancelOptions, DecodingOptions {
  /**
   * Moves the photo's buffer, ImageBitmap or VideoFrame to the worker instead of copying it; you can't use it afterward. If
   * the photo is a view, its whole buffer moves. Default `false`.
   */
  transfer?: boolean;
}

/** Options of `ClipVision.embed`. */
export interface EmbedOptions extends CallOptions {
  /** Return more than the embedding: timings, decoder, size. Default `false`. */
  details?: boolean;
}

/** Options of `ClipVision.embedText` and `ClipVision.embedTexts`. */
export interface TextOptions extends CancelOptions {
  /**
   * Called as the tokenizer and the text tower's weights arrive. They are fetched with the first call that has a text, and
   * not before.
   */
  onProgress?: (progress: LoadProgress) => void;
}

/** Options of `ClipVision.embedText`. */
export interface EmbedTextOptions extends TextOptions {
  /** Return more than the embedding: tokens, and bytes of the model's table that were read. Default `false`. */
  details?: boolean;
}

/** Options of `ClipVision.toBlob`. */
export interface BlobOptions extends TextOptions {
  /**
   * In what the weights are stored: `"f16"`, half the size of single precision, or `"int8"`, a quarter. Default `"int8"` for a model
   * that computes so, else `"f16"`.
   */
  precision?: StoredPrecision;
  /** Leaves out the text tower and the tokenizer. Default `false`. */
  visionOnly?: boolean;
}

/** Options of `ClipVision.classify`. */
export interface ClassifyOptions extends CallOptions, TextOptions {
  /**
   * The text for a label, with `{}` in place of the label. Models were trained on captions and understand those better
   * than single words. Default `"a photo of a {}"`.
   */
  template?: string;
}
