/**
 * The browser's own pictures -> 8-bit RGBA, in the worker, off the page's main thread.
 *
 * Pixels come through a 2D canvas, which keeps colours multiplied by alpha: what is opaque arrives exactly, the colour
 * under a half-transparent pixel is rounded, and under a fully transparent one it is black.
 */

import { ClipVisionError } from "./errors.js";
import type { WirePixels } from "./protocol.js";

/** Files hold values that are read as they are, like Pillow does: a colour profile is not applied. */
const AS_STORED: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** A file that the browser has decoded: its pixels, and the size that it has itself. */
export interface BrowserPicture {
  pixels: WirePixels;
  width: number;
  height: number;
}

const sizeOf = (source: ImageBitmap | VideoFrame): [number, number] =>
  "displayWidth" in source ? [source.displayWidth, source.displayHeight] : [source.width, source.height];

/**
 * Reads a picture and closes it: its memory is the browser's, and not waited for by any garbage collector.
 *
 * @param edge the picture is drawn smaller where its shorter edge is longer than this, in pixels
 */
export function readPixels(source: ImageBitmap | VideoFrame, edge = Infinity): WirePixels {
  const [fullWidth, fullHeight] = sizeOf(source);
  const scale = Math.min(1, edge / Math.min(fullWidth, fullHeight));
  const [width, height] = [fullWidth, fullHeight].map((length) => Math.round(length * scale)) as [number, number];
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("there is no 2D context");
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return { kind: "pixels", data, width, height, channels: 4 };
  } catch (cause) {
    const message = `The browser does not give the pixels of this picture of ${width} x ${height}`;
    throw new ClipVisionError("decode", `${message}: ${String(cause)}`, { cause });
  } finally {
    source.close();
  }
}

/**
 * Decodes a file of a format that Rust does not read (AVIF, on some systems HEIC) if the browser does.
 *
 * @param bytes the file
 * @param type its media type, where it is known
 * @param edge a picture whose shorter edge is longer comes smaller: see {@link readPixels}
 * @returns the pixels and the file's own width and height; `undefined` if the browser does not know the format either
 */
export async function decodeInBrowser(bytes: Uint8Array, type: string, edge?: number): Promise<BrowserPicture | undefined> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), AS_STORED);
  } catch {
    return undefined; // the error that Rust gave says more
  }
  const { width, height } = bitmap;
  return { pixels: readPixels(bitmap, edge), width, height };
}
