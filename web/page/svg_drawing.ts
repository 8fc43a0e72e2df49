/** SVG as pixels: see `svg.ts`. */

import { ClipVisionError } from "../shared/errors.js";
import type { Fetch } from "../shared/files.js";
import { readPhoto } from "../shared/remote_file.js";
import { sleep } from "../shared/retry.js";
import { sizeOf, type Size } from "../shared/sizes.js";
import { checkBytes } from "../shared/sources.js";
import type { CallsContext } from "./calls.js";

/** The largest file that is drawn: photos may be inside. */
export const MAX_SVG_BYTES = 16 * 2 ** 20;
/** The most pixels that are drawn: many times those of any model. */
const MOST_PIXELS = 4e6;
/** The longest edge that is drawn, in pixels: of a canvas in any browser. */
const LONGEST = 8192;
/** Width and height of a drawing that has none of its own, in pixels. */
const SIZE = 512;

/** The size at which a drawing is drawn: its own, smaller if that is more pixels than are needed or allowed. */
export function drawnSize(own: Size, maxPixels = MOST_PIXELS): Size {
  const { width, height } = own.width * own.height > 0 ? own : { width: SIZE, height: SIZE };
  const most = Math.min(maxPixels, MOST_PIXELS);
  const scale = Math.min(1, Math.sqrt(most / (width * height)), LONGEST / Math.max(width, height));
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/**
 * The drawing in a file.
 *
 * @throws {@link ClipVisionError} `too-large` for a file of more than {@link MAX_SVG_BYTES}, `decode`
 */
export async function drawnSvg(file: Blob, name: string, maxPixels: number | undefined): Promise<ImageBitmap> {
  checkBytes(file.size, MAX_SVG_BYTES);
  const url = URL.createObjectURL(file.type ? file : new Blob([file], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const { width, height } = drawnSize(sizeOf(image), maxPixels);
    // By a canvas, for an ImageBitmap is first drawn at the drawing's own size, whatever size it is to have.
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.drawImage(image, 0, 0, width, height);
    return canvas.transferToImageBitmap();
  } catch (cause) {
    throw new ClipVisionError("decode", `The browser could not draw the SVG ${name}`.trimEnd(), { cause });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Reads an SVG on the page, with the application's function if it has one. */
export function readSvg(url: string, { fetch: own, limits }: CallsContext, signal = new AbortController().signal): Promise<Uint8Array<ArrayBuffer>> {
  const fetch: Fetch = (address, init) => (own ? own(address, init, "photo") : globalThis.fetch(address, init));
  return readPhoto(url, { fetch, sleep, origin: location.origin }, signal, Math.min(limits.maxBytes ?? Infinity, MAX_SVG_BYTES));
}
