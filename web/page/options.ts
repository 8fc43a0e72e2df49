/** What an application may ask of a model and of each call. */

import type { FetchPurpose, LoadProgress, LoadWarning, ModelOptions, PhotoLimits } from "../shared/protocol.js";
import type { DecodingOptions, PhotoDecoder } from "./decoding.js";
import type { HubOptions } from "./model.js";

/** Whether and how a model is kept on this machine. */
export interface CacheOptions {
  /** As the option `cache` itself. Default `true`. */
  mode?: boolean | "revalidate";
  /** Asks the browser to keep the cache even when disk space runs short (`navigator.storage.persist()`); it may ask the user. */
  persist?: boolean;
}

/** What is refused, and how long is waited. */
export interface Limits extends PhotoLimits {
  /**
   * Milliseconds within which the worker's script must run; after that the load rejects with `worker-crashed`. The model's
   * download has no limit. Default 60,000; `Infinity` waits forever.
   */
  startTimeout?: number;
  /**
   * Milliseconds within which the worker has to take notice of a call that is canceled. The promise rejects at once in any
   * case; a worker that says nothing for so long is stuck (over a hostile file, say): it is ended, pending calls
   * reject with `worker-crashed`, and the next call starts another. The worker takes notice between two layers of the model
   * and after a photo's decoding, which of 100 megapixels takes 1.5 s on a laptop, and on a slow phone several times that:
   * default 10,000. Less will do where the model and its photos are small; `Infinity` waits forever.
   */
  cancelTimeout?: number;
}

/** Options of `ClipVision.load`. */
export interface LoadOptions extends ModelOptions, DecodingOptions {
  /**
   * Threads that compute, the worker's own included; 1 to 64. In a browser they need a page that is cross-origin isolated (the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`): without, it is one,
   * whatever is asked for, and the warning `no-threads` says so. Default: the processor's cores less one, at most 8.
   * {@link ClipVisionInfo.threads} has the outcome. The embeddings are the same to the bit for any number.
   */
  threads?: number;
  /**
   * An access token, for a model that is private or gated: sent as `Authorization: Bearer …` with requests for the model's
   * files to the server of its address (the Hub, of a Hub id), and to no other: neither where that redirects to, nor a
   * photo's. A model that is in the cache needs none.
   */
  token?: string;
  /** Cancels the load and ends the worker; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as files arrive, at most about twenty times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Called with problems that do not stop the load, such as a cache that can't be used, and later with pixels that the
   * browser falsifies. Default: all but those of the cache are reported on the console.
   */
  onWarning?: (warning: LoadWarning) => void;
  /**
   * Functions that decode photos, by media types: `{ "image/heic": decode }`. A file of such a type, told by its content, is
   * given to its function and to no other decoder, whatever `decoder` says; `details.decoder` is `"application"`. docs/recipes.md
   * has one for HEIC.
   */
  decoders?: Readonly<Record<string, PhotoDecoder>>;
  /**
   * Fetches the model's files (`purpose` is `"model"`) and photos (`"photo"`) in place of the browser's `fetch`, to add
   * headers or credentials. Called on the page; bodies are streamed to the worker. `init` has to be passed on: its `headers`
   * ask for a part of a file (`Range`). Default: the worker's own `fetch`.
   */
  fetch?: (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }, purpose: FetchPurpose) => Promise<Response>;
  /**
   * The sha256 that each file must have, by its name (`{ "config.json": …, "model.safetensors": … }`), in hexadecimal digits
   * or as `"sha256-…"` in base64; of a model that is one file, that of this file. Every file that is used needs one, and every
   * name must be that of a file that is used: otherwise the load rejects with `integrity`, or the first text if it is about
   * the text tower or the tokenizer. (`vocab.json` and `merges.txt` may be named beside a `tokenizer.json`, which is used then.)
   * Weights in several files are those of the index if it has a checksum and `model.safetensors` has none. The files are
   * downloaded whole, even where a part would do. What was cached without these checksums is downloaded again.
   */
  integrity?: string | Readonly<Record<string, string>>;
  /**
   * Whether the model is kept on this machine (in the Origin Private File System, or the Cache API where there is none; in
   * Node in the folder that docs/recipes.md names), so that the next load needs no network. `true`, the default, uses the cached model without asking; `"revalidate"` first asks
   * the server whether its files are still the same, and uses the cached model if there is no answer; `false` neither reads
   * nor writes the cache. Files that are Blobs or bytes are never cached. An address with another query is another model; the
   * query itself is not kept.
   */
  cache?: boolean | "revalidate" | CacheOptions;
  /** Where Hub ids lead. */
  hub?: HubOptions;
  /** What is refused, and how long is waited. */
  limits?: Limits;
  /**
   * Starts a worker whose script is this package's `worker.js`, for an application that serves it from a place of its own; called
   * once for each worker and each thread. Default: the file beside this module, which bundlers find.
   */
  worker?: () => Worker;
  /**
   * Where the wasm files are, if not in `wasm/` beside the worker: a folder like that one, with a slash at its end, or
   * one `clip_vision_bg.wasm`, whose folder then decides on SIMD and threads by its name (any other name counts as `simd`).
   */
  wasmUrl?: string | URL;
}

/** Options of any call. */
export interface CancelOptions {
  /**
   * Cancels the call: its promise rejects with the signal's reason at once. What waits is never computed; what is being
   * computed, photo or text, stops after the current layer of the model. A worker that does not come back to take notice is
   * ended ({@link Limits.cancelTimeout}).
   */
  signal?: AbortSignal;
}

/** Options of a call with a photo; decoding options that are not given are those of {@link LoadOptions}. */
export interface CallOptions extends CancelOptions, DecodingOptions {
  /**
   * Lets the photo's buffer, ImageBitmap or VideoFrame move to the worker instead of being copied: it can't be used
   * afterward. The whole buffer of a view moves. Default `false`.
   */
  transfer?: boolean;
}

/** Options of `ClipVision.embed`. */
export interface EmbedOptions extends CallOptions {
  /** Whether the answer has more than the embedding: timings, decoder, size. Default `false`. */
  details?: boolean;
}

/** Options of `ClipVision.embedText` and `ClipVision.embedTexts`. */
export interface TextOptions extends CancelOptions {
  /**
   * Called as the tokenizer and the text tower's weights arrive. They are fetched when a text is first asked for, and
   * never if none is.
   */
  onProgress?: (progress: LoadProgress) => void;
}

/** Options of `ClipVision.classify`. */
export interface ClassifyOptions extends CallOptions, TextOptions {
  /**
   * The text that a label stands for; `{}` is the label. Models were trained on captions and understand them better than
   * single words. Default `"a photo of a {}"`.
   */
  template?: string;
}
