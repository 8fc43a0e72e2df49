/** What an application may ask of a model and of each call. */

import type { LoadProgress, LoadWarning, ModelOptions } from "../shared/protocol.js";
import type { DecodingOptions, PhotoDecoder } from "./decoding.js";
import type { HubOptions } from "./model.js";

/** Options of `ClipVision.load`. */
export interface LoadOptions extends ModelOptions, HubOptions, DecodingOptions {
  /** Cancels the load and ends the worker; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as files arrive, at most about twenty times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Fetches the model's files and photos in place of the browser's `fetch`, to add headers or credentials. Called on the
   * page; bodies are streamed to the worker. `headers` ask for a part of a file (`Range`) and must be sent along. Default:
   * the worker's own `fetch`.
   */
  fetch?: (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }) => Promise<Response>;
  /**
   * Functions that decode photos, by media types: `{ "image/heic": decode }`. A file of such a type, told by its content, is
   * given to its function and to no other decoder, whatever `decoder` says; `details.decoder` is `"application"`. docs/recipes.md
   * has one for HEIC.
   */
  decoders?: Readonly<Record<string, PhotoDecoder>>;
  /**
   * Whether the model is kept on this machine (in the Origin Private File System, or the Cache API where there is none; in
   * Node in the folder that docs/recipes.md names), so that the next load needs no network. `true`, the default, uses the cached model without asking; `"revalidate"` first asks
   * the server whether its files are still the same, and uses the cached model if there is no answer; `false` neither reads
   * nor writes the cache. Files that are Blobs or bytes are never cached. An address with another query is another model; the
   * query itself is not kept.
   */
  cache?: boolean | "revalidate";
  /**
   * The sha256 that each file must have, by its name (`{ "config.json": …, "model.safetensors": … }`), in hexadecimal digits
   * or as `"sha256-…"` in base64; of a model that is one file, that of this file. Every file that is used needs one, and every
   * name must be that of a file that is used: otherwise the load rejects with `integrity`, or the first text if it is about
   * the text tower or the tokenizer. (`vocab.json` and `merges.txt` may be named beside a `tokenizer.json`, which is used then.)
   * Weights in several files are those of the index if it has a checksum and `model.safetensors` has none. The files are
   * downloaded whole, even where a part would do. What was cached without these checksums is downloaded again.
   */
  integrity?: string | Readonly<Record<string, string>>;
  /** Asks the browser to keep the cache even when disk space runs short (`navigator.storage.persist()`); it may ask the user. */
  persist?: boolean;
  /**
   * Called with problems that do not stop the load, such as a cache that can't be used, and later with pixels that the
   * browser falsifies. Default: what spoils embeddings is reported on the console, the latter and
   * `default-preprocessing`.
   */
  onWarning?: (warning: LoadWarning) => void;
  /** Where `worker.js` is, if not beside this module. It must be of the page's origin. */
  workerUrl?: string | URL;
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
  /**
   * Threads that compute, the worker's own included; 1 to 64. In a browser they need a page that is cross-origin isolated (the
   * headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`): without, it is one,
   * whatever is asked for. Default: the processor's cores less one, at most 8. {@link ClipVisionInfo.threads} has the
   * outcome. The embeddings are the same to the bit for any number.
   */
  threads?: number;
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
   * ended ({@link LoadOptions.cancelTimeout}).
   */
  signal?: AbortSignal;
  /**
   * Replaces the call of the same kind (`embed`, `tensor`, `embedText`, `classify`) with `latestOnly` that is still waiting,
   * which rejects with `superseded`; one that is already being computed finishes. For sliders and video, whose calls come
   * faster than the model computes. Default `false`.
   */
  latestOnly?: boolean;
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

/** Options of `ClipVision.embedText`. */
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
