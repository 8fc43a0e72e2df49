/**
 * What the browser has decoded (bitmaps, video frames) -> 8-bit RGBA, in the worker, off the page's main thread: the values
 * that a PNG file of it would have.
 *
 * Pixels come through a 2D canvas, which keeps colors multiplied by opacity: what is opaque arrives exactly, the color of
 * a half-transparent pixel is rounded, and that of a fully transparent one is lost. What is not opaque is therefore read a
 * second time, as it is stored, by way of a VideoFrame; where that can't be done, or would take too much memory (above 44
 * megapixels), what the canvas gave is taken, with black under full transparency.
 */

import { AS_STORED } from "../shared/bitmaps.js";
import { ClipVisionError } from "../shared/errors.js";
import type { WirePixels } from "../shared/protocol.js";
import { checkSize, MAX_MEMORY, sizeOf, type Size } from "../shared/sizes.js";
import { nextTurn } from "../shared/waiting.js";
import { sizeInHeader } from "./header_size.js";

/** Pixels as a browser gives them. */
export interface BrowserPixels {
  pixels: WirePixels;
  /** What to warn of where the browser falsifies what is read from a canvas, to resist fingerprinting: these values are not the photo's. */
  noisy: string | false;
}

/** Where red, green and blue are in a pixel of four bytes whose last is opacity. */
const ORDERS: Partial<Record<string, readonly [number, number, number]>> = { RGBA: [0, 1, 2], BGRA: [2, 1, 0] };
/** Levels a value, on average, that two readings of the same photo may lie apart, each counted by its opacity. */
const SAME = 2;
/** The most pixels that are drawn at a time: a canvas, and what is read of it, are two more copies of them. */
const DRAWN = 16e6;
/** Bytes of a pixel while it is read a second time: the bitmap, what was drawn of it, a frame, its copy, and two readings. */
const READ_TWICE = 6 * 4;

/**
 * What a canvas gives of a bitmap or frame that is drawn to a size: of a large one a band of rows after the other, and
 * between two of them the worker listens to its messages.
 */
async function drawnTo(source: ImageBitmap | VideoFrame, { width, height }: Size): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const rows = Math.min(height, Math.max(1, Math.floor(DRAWN / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("there is no 2D context");
  context.imageSmoothingQuality = "high";
  context.globalCompositeOperation = "copy";
  const draw = (top: number): Uint8ClampedArray<ArrayBuffer> => {
    context.drawImage(source, 0, -top, width, height);
    return context.getImageData(0, 0, width, Math.min(rows, height - top)).data;
  };
  if (rows === height) return draw(0);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let top = 0; top < height; top += rows) {
    data.set(draw(top), 4 * width * top);
    await nextTurn();
  }
  return data;
}

/**
 * Reads a bitmap or frame and closes it: its memory is the browser's, and no garbage collector's concern.
 *
 * @param edge one that is opaque is drawn smaller where its shorter edge is longer than this, in pixels
 */
export async function readPixels(source: ImageBitmap | VideoFrame, edge = Infinity): Promise<BrowserPixels> {
  const full = sizeOf(source);
  const { width, height } = full;
  const pixels = (data: Uint8ClampedArray, size: Size): BrowserPixels => ({
    pixels: { kind: "pixels", data, ...size, channels: 4 },
    noisy: canvasIsNoisy() && NOISE,
  });
  try {
    const scale = edge / Math.min(width, height);
    if (scale < 1) {
      const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
      const reduced = await drawnTo(source, size);
      if (isOpaque(reduced)) return pixels(reduced, size);
    }
    const drawn = await drawnTo(source, full);
    const once = READ_TWICE * width * height > MAX_MEMORY || isOpaque(drawn);
    return pixels(once ? drawn : ((await readStored(source, drawn).catch(() => undefined)) ?? drawn), full);
  } catch (cause) {
    const message = `The browser does not give the pixels of this photo of ${width} x ${height}`;
    throw new ClipVisionError("decode", `${message}: ${String(cause)}`, { cause });
  } finally {
    source.close();
  }
}

/** Width and height of the pattern that is written and read back: enough for noise that changes few values. */
const PATTERN = 64;
const NOISE =
  "This browser falsifies the pixels that are read from a canvas (to resist fingerprinting): embeddings of images, " +
  "canvases and videos are not those of the photos; of files and bytes they are";
let noisy: boolean | undefined;

/** Whether an opaque pattern is read from a canvas as another than it was written. Looked at once: it takes a millisecond. */
function canvasIsNoisy(): boolean {
  if (noisy !== undefined) return noisy;
  const written = new ImageData(PATTERN, PATTERN);
  for (let at = 0; at < written.data.length; at += 1) written.data[at] = at % 4 === 3 ? 255 : (at * 29) % 251;
  const context = new OffscreenCanvas(PATTERN, PATTERN).getContext("2d", { willReadFrequently: true });
  context?.putImageData(written, 0, 0);
  const read = context?.getImageData(0, 0, PATTERN, PATTERN).data;
  return (noisy = read?.some((value, at) => value !== written.data[at]) ?? false);
}

function isOpaque(pixels: Uint8ClampedArray): boolean {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 255) return false;
  return true;
}

/**
 * The values of what is not opaque, as they are stored; `undefined` where they are not to be had, or not
 * understood. `drawn` is what a canvas gave.
 */
async function readStored(source: ImageBitmap | VideoFrame, drawn: Uint8ClampedArray): Promise<Uint8ClampedArray | undefined> {
  if (typeof VideoFrame !== "function") return undefined;
  if ("displayWidth" in source) {
    const stored = await copyOf(source);
    // A frame of a canvas is multiplied by opacity, one of bytes is not, and neither says so: but what is multiplied
    // has no value above its opacity. (What browsers draw of either is wrong in one of them.)
    return stored && (exceedsOpacity(stored) ? stored : divided(stored));
  }
  const frame = new VideoFrame(source, { timestamp: 0, alpha: "keep" });
  try {
    const stored = await copyOf(frame);
    if (!stored) return undefined;
    // Whether a bitmap's colors are multiplied it does not say either; what a canvas gives of one is right.
    const [best] = [stored, divided(stored)]
      .map((values) => ({ values, difference: differenceOf(values, drawn) }))
      .sort((a, b) => a.difference - b.difference);
    return best && best.difference <= SAME ? best.values : undefined;
  } finally {
    frame.close();
  }
}

/** A frame's pixels as RGBA, if that is how it keeps them: not rotated, cropped, scaled or of a wide gamut. */
async function copyOf(frame: VideoFrame): Promise<Uint8ClampedArray | undefined> {
  const { format, visibleRect, displayWidth: width, displayHeight: height, colorSpace } = frame;
  const { rotation = 0, flip = false } = frame as { rotation?: number; flip?: boolean }; // not in TypeScript's library yet
  const [red, green, blue] = ORDERS[format ?? ""] ?? [];
  if (red === undefined || green === undefined || blue === undefined || rotation !== 0 || flip) return undefined;
  if (visibleRect?.width !== width || visibleRect.height !== height) return undefined;
  if (![null, "bt709"].includes(colorSpace.primaries)) return undefined;
  const bytes = new Uint8Array(frame.allocationSize());
  const [layout] = await frame.copyTo(bytes);
  if (!layout) return undefined;
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let row = 0, to = 0; row < height; row += 1) {
    for (let from = layout.offset + row * layout.stride, end = from + 4 * width; from < end; from += 4, to += 4) {
      pixels[to] = bytes[from + red] as number;
      pixels[to + 1] = bytes[from + green] as number;
      pixels[to + 2] = bytes[from + blue] as number;
      pixels[to + 3] = bytes[from + 3] as number;
    }
  }
  return pixels;
}

function exceedsOpacity(pixels: Uint8ClampedArray): boolean {
  for (let at = 0; at < pixels.length; at += 4) {
    const opacity = pixels[at + 3] as number;
    if ((pixels[at] as number) > opacity || (pixels[at + 1] as number) > opacity || (pixels[at + 2] as number) > opacity) return true;
  }
  return false;
}

/** Colors that were multiplied by their opacity, as they were before; black where there is none. */
function divided(pixels: Uint8ClampedArray): Uint8ClampedArray {
  return pixels.map((value, at) => {
    const opacity = pixels[at | 3] as number;
    return at % 4 === 3 || opacity === 0 ? value : Math.round((value * 255) / opacity);
  });
}

/** How far two readings lie apart, in levels a value, each counted by its opacity. */
function differenceOf(pixels: Uint8ClampedArray, drawn: Uint8ClampedArray): number {
  let sum = 0;
  for (let at = 0; at < drawn.length; at += 4) {
    const opacity = (drawn[at + 3] as number) / 255;
    for (let channel = at; channel < at + 3; channel += 1) {
      sum += opacity * Math.abs((pixels[channel] as number) - (drawn[channel] as number));
    }
  }
  return sum / (drawn.length * 0.75);
}

/**
 * Decodes a file of a format that Rust does not read (AVIF, on some systems HEIC) if the browser does.
 *
 * @param bytes the file
 * @param type its media type, where it is known
 * @param maxPixels the most pixels that its header may say it has
 * @throws {@link ClipVisionError} `too-large`
 * @returns its pixels, still the browser's; `undefined` if it does not know the format either
 */
export async function decodeInBrowser(bytes: Uint8Array, type: string, maxPixels: number | undefined): Promise<ImageBitmap | undefined> {
  const said = sizeInHeader(bytes);
  if (said) checkSize(said, maxPixels);
  try {
    return await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), AS_STORED);
  } catch {
    return undefined; // the error that Rust gave says more
  }
}
