/** What an application may ask of a model and of each call. */

import type { LoadProgress, LoadWarning, ModelOptions } from "../shared/protocol.js";
import type { DecodingOptions } from "./decoding.js";
import type { HubOptions } from "./model.js";

/** Options of `ClipVision.load`. */
export interface LoadOptions extends ModelOptions, HubOptions, DecodingOptions {
  /** Ends the load, and the worker with it; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as files arrive, at most some twenty times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /**
   * Reads addresses, of the model's files and of photos, in place of the browser's `fetch`: for headers or credentials.
   * Called on the page; bodies stream on to the worker. `headers` ask for a part of a file (`Range`) and are to be sent
   * along. Default: the worker's own `fetch`.
   */
  fetch?: (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }) => Promise<Response>;
  /**
   * Whether the model is kept on this machine (in the Origin Private File System, or the Cache API where there is none), so
   * that the next load touches no network: `true`, which is the default, takes it from there without asking; `"revalidate"`
   * asks the server first whether its files are still the same, and takes it from there also if there is no answer;
   * `false` neither reads nor writes. Files that are Blobs or bytes are never cached.
   */
  cache?: boolean | "revalidate";
  /**
   * The sha256 that the weights' file has to have, in hexadecimal digits or as `"sha256-…"` in base64; or those of several
   * files by their names (`{ "config.json": …, "model.safetensors": … }`). A file with one is downloaded whole, also where a
   * part of it would do.
   */
  integrity?: string | Readonly<Record<string, string>>;
  /** Asks the browser to keep the cache also when disk space runs short (`navigator.storage.persist()`); it may ask the user. */
  persist?: boolean;
  /**
   * Hears of what went wrong though the load goes on, such as a cache that can't be used, or, later, of pixels that the
   * browser falsifies. Default: only the last is said, on the console, since it spoils embeddings.
   */
  onWarning?: (warning: LoadWarning) => void;
  /** Where `worker.js` is, if not beside this module. It has to be of the page's origin. */
  workerUrl?: string | URL;
  /**
   * Milliseconds within which the worker's script has to run, once it is asked for; then the load rejects with
   * `worker-crashed`. The model's download has no limit. Default 60,000; `Infinity` waits for ever.
   */
  startTimeout?: number;
  /**
   * Threads that compute, the worker's own included; 1 to 64. They need a page that is cross-origin isolated (the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`): without, it is one,
   * whatever is asked for. Default: the processor's cores less one, at most 8. {@link ClipVisionInfo.threads} has what
   * came of it. The embeddings are the same to the bit for any number.
   */
  threads?: number;
  /**
   * Where the wasm files are, if not in `wasm/` beside the worker: a folder like that one, with a slash at its end, or
   * one `clip_vision_bg.wasm` of it, which then decides on SIMD and threads by the name of the folder that it is in
   * (`simd` if it is in none of those names).
   */
  wasmUrl?: string | URL;
}

/** Options of any call. */
export interface TakeBackOptions {
  /**
   * Takes the call back: its promise rejects with the signal's reason at once. What waits is never computed, what is
   * being computed, photo or text, ends with the layer of the model that it is at.
   */
  signal?: AbortSignal;
  /**
   * Takes the place of the call of the same kind (`embed`, `tensor`, `embedText`, `classify`) with `latestOnly` that is
   * still waiting, which rejects with `superseded`; one that is being computed already is let finish. For sliders and
   * video, whose calls come faster than the model computes. Default `false`.
   */
  latestOnly?: boolean;
}

/** Options of a call with a photo; how it is decoded is as {@link LoadOptions} has it where it is not given. */
export interface CallOptions extends TakeBackOptions, DecodingOptions {
  /**
   * Lets the photo's buffer, ImageBitmap or VideoFrame move to the worker instead of being copied: it can't be used
   * afterwards. Of a view the whole buffer moves. Default `false`.
   */
  transfer?: boolean;
}

/** Options of `ClipVision.embed`. */
export interface EmbedOptions extends CallOptions {
  /** Whether the answer says more than the embedding. Default `false`. */
  details?: boolean;
}

/** Options of `ClipVision.embedText`. */
export interface TextOptions extends TakeBackOptions {
  /**
   * Called as the tokenizer and the text tower's weights arrive. They are fetched when a text is first asked for, and
   * never if none is.
   */
  onProgress?: (progress: LoadProgress) => void;
}

/** Options of `ClipVision.classify`. */
export interface ClassifyOptions extends CallOptions, TextOptions {
  /**
   * The text that a label stands for; `{}` is the label. Models were trained with captions, and read them better than
   * single words. Default `"a photo of a {}"`.
   */
  template?: string;
}
