/**
 * SVG is drawn by the page: a worker has no decoder for it. What is SVG is told by a file's first bytes or its media type,
 * and of an address by how it ends.
 *
 * It is drawn only where the application asks for that. A few hundred bytes of it can be work without end (shapes that are
 * used by shapes that are used, filters, patterns, dashes), the page's own thread does that work, and nothing can stop it:
 * so no stranger's drawing may come there unasked. What the size costs is bounded: the file's, and that of what is drawn.
 */

import { ClipVisionError } from "../shared/errors.js";

/** How much of a file is looked at. */
const LOOKED_AT = 1024;

/** Throws unless SVG is to be drawn, and this is a page, which can draw. */
export function checkSvgWanted(wanted: boolean): void {
  const refuse = (why: string) => new ClipVisionError("unsupported-format", `This is SVG, ${why}`);
  if (!wanted) throw refuse("which is drawn only with the option svg: true, for drawings that are trusted");
  if (typeof document === "undefined") throw refuse("which only a page can draw");
}

/** Is this file SVG? Every byte that matters is ASCII, whatever else the file holds. */
export function isSvg(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 0x20 && ![0xef, 0xbb, 0xbf].includes(byte)); // past a byte order mark
  return first === 0x3c && /<svg[\s>/]/i.test(new TextDecoder().decode(bytes.subarray(0, LOOKED_AT)));
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
