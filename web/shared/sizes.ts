/**
 * How large a picture may be that does not come to Rust as a file: what the browser has decoded or is about to decode, what
 * an application's decoder gives, and raw pixels. It is asked before anything is drawn, read back or copied, on the page and
 * in the worker; of files Rust's own `Limits` ask the same.
 */

import { ClipVisionError } from "./errors.js";

/** Unless an application says otherwise: what Rust's `Limits` have on wasm32. */
export const MAX_PIXELS = 100e6;
/** The same of a file's bytes. */
export const MAX_BYTES = 256 * 2 ** 20;
/** The most bytes that one picture's pixels may take, whatever `maxPixels` says; as in Rust. */
export const MAX_MEMORY = 2 ** 30;

/** Bytes in single precision above which a table of tokens is left in its file: no vocabulary of English alone takes so many. */
export const LARGE_TABLE = 256 << 20;

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

type Sized =
  | Size
  | Pick<VideoFrame, "displayWidth" | "displayHeight">
  | Pick<HTMLVideoElement, "videoWidth" | "videoHeight">
  | Pick<HTMLImageElement, "naturalWidth" | "naturalHeight">;

/** The size at which a browser's object is drawn; of an image that has not been loaded 0 x 0. */
export function sizeOf(source: Sized): Size {
  if ("displayWidth" in source) return { width: source.displayWidth, height: source.displayHeight };
  if ("videoWidth" in source) return { width: source.videoWidth, height: source.videoHeight };
  if ("naturalWidth" in source) return { width: source.naturalWidth, height: source.naturalHeight };
  return { width: source.width, height: source.height };
}

/**
 * Refuses a picture that is too large. Its pixels are held twice: as they were given or read back, and in the engine's memory
 * (or before that in the browser's, which is given back first).
 *
 * @param channels bytes of a pixel
 * @throws {@link ClipVisionError} `too-large`
 */
export function checkSize(source: Sized, maxPixels = MAX_PIXELS, channels = 4): void {
  const { width, height } = sizeOf(source);
  const tooLarge = (limit: string) => new ClipVisionError("too-large", `${width}x${height} pixels are over the limit of ${limit}`);
  if (width * height > maxPixels) throw tooLarge(String(maxPixels));
  const bytes = 2 * channels * width * height;
  if (bytes > MAX_MEMORY) throw tooLarge(`${MAX_MEMORY} bytes of memory: they take ${bytes}`);
}
