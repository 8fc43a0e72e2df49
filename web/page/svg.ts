/**
 * SVG is drawn by the page: a worker has no decoder for it. What is SVG is told by a file's first bytes or its media type,
 * and of an address by how it ends, for the page reads it only where the application has a function of its own for that.
 */

import { ClipVisionError } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";

/** How much of a file is looked at. */
const LOOKED_AT = 1024;
/** Width and height of a drawing that has none of its own, in pixels. */
const SIZE = 512;

/** Is this a page, which can draw? */
export const canDrawSvg = (): boolean => typeof document !== "undefined";

/** Is this file SVG? Every byte that matters is ASCII, whatever else the file holds. */
export function isSvg(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 0x20 && ![0xef, 0xbb, 0xbf].includes(byte)); // past a byte order mark
  return first === 0x3c && /<svg[\s>]/i.test(new TextDecoder().decode(bytes.subarray(0, LOOKED_AT)));
}

export async function isSvgBlob(blob: Blob): Promise<boolean> {
  if (blob.type !== "") return blob.type.startsWith("image/svg+xml");
  try {
    return isSvg(new Uint8Array(await blob.slice(0, LOOKED_AT).arrayBuffer()));
  } catch {
    return false; // whoever reads the whole file says what is wrong with it
  }
}

export function isSvgUrl(url: string): boolean {
  const { protocol, pathname } = new URL(url);
  return protocol === "data:" ? /^image\/svg\+xml[;,]/i.test(pathname) : pathname.toLowerCase().endsWith(".svg");
}

/** The drawing at an address. */
export async function drawnSvg(url: string): Promise<ImageBitmap> {
  const image = new Image();
  image.crossOrigin = "anonymous";
  image.src = url;
  try {
    await image.decode();
    const size = image.naturalWidth === 0 ? { resizeWidth: SIZE, resizeHeight: SIZE } : {};
    return await createImageBitmap(image, size);
  } catch (cause) {
    throw new ClipVisionError("decode", `The browser could not load or draw the SVG at ${shortUrl(url)}`, { cause });
  }
}

/** The drawing in a file. */
export async function drawnSvgFile(file: Blob): Promise<ImageBitmap> {
  const url = URL.createObjectURL(file.type ? file : new Blob([file], { type: "image/svg+xml" }));
  try {
    return await drawnSvg(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
