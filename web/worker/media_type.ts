/**
 * The media types of a photo's file, told by its first bytes: an application's decoders are named by them. The type that a
 * Blob has counts where the content says nothing, or no more than TIFF, which most raw formats of cameras are inside.
 */

import { ClipVisionError } from "../shared/errors.js";

const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** What files begin with, from a byte on. */
const MAGIC: readonly (readonly [type: string, from: number, start: string])[] = [
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/gif", 0, "GIF87a"],
  ["image/gif", 0, "GIF89a"],
  ["image/webp", 8, "WEBP"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II"],
  ["image/tiff", 0, "MM"],
  ["image/jxl", 0, "\xff\x0a"],
  ["image/jxl", 0, "\0\0\0\x0cJXL "],
  ["image/jp2", 0, "\0\0\0\x0cjP  "],
  ["image/jp2", 0, "\xff\x4f\xff\x51"],
  ["image/vnd.adobe.photoshop", 0, "8BPS"],
  ["image/x-icon", 0, "\0\0\x01\0"],
  ["image/qoi", 0, "qoif"],
];
/** The brands of ISO base media files; a file has several. */
const BRANDS: Readonly<Record<string, readonly string[]>> = {
  "image/avif": ["avif", "avis"],
  "image/heic": ["heic", "heix", "hevc", "hevx", "heim", "heis"],
  "image/heif": ["mif1", "msf1"],
};

/**
 * The media types that a file's content has, the best first; none where it is of no known format. (A HEIC file is a HEIF file
 * too; an AVIF one is, but nobody calls it so.)
 */
export function typesOfContent(bytes: Uint8Array): string[] {
  if (text(bytes, 4, 8) === "ftyp") {
    const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
    const brands = text(bytes, 8, size < 16 ? 256 : Math.min(size, 256)).match(/.{4}/gs) ?? [];
    const is = (type: string) => brands.some((brand) => BRANDS[type]?.includes(brand));
    if (is("image/avif")) return ["image/avif"];
    if (is("image/heic")) return ["image/heic", "image/heif"];
    if (is("image/heif")) return ["image/heif"];
  }
  const found = MAGIC.find(([, from, start]) => text(bytes, from, from + start.length) === start);
  return found ? [found[0]] : [];
}

/** The error of a file that may be SVG, but not as the page knows it: its `<svg` comes late, or its address doesn't end with it. */
export function perhapsSvg(error: { message: string }, bytes: Uint8Array): unknown {
  if (!mayBeSvg(bytes)) return error;
  const advice = "if it is SVG, a page draws it as a Blob of the type image/svg+xml, with the option svg: true";
  return new ClipVisionError("unsupported-format", `${error.message}; ${advice}`, { cause: error });
}

/** Whether a file begins as SVG does, and other XML, but no page of HTML; in UTF-8 or UTF-16. */
export const mayBeSvg = (bytes: Uint8Array): boolean =>
  /^<(\?xml|!--|!doctypesvg|svg)/i.test(text(bytes, 0, 256).replace(/[\0\s\xef\xbb\xbf\xfe\xff]/g, ""));

/** The media types of a file that is said to be of a type, the best first. */
export function mediaTypesOf(bytes: Uint8Array, given: string): string[] {
  const found = typesOfContent(bytes);
  const type = given.toLowerCase();
  if (found.length === 0) return [type];
  return found[0] === "image/tiff" && type !== "" && type !== "image/tiff" ? [type, "image/tiff"] : found;
}
