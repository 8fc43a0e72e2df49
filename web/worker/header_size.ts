/**
 * The width and height that a file says it has, of the formats that browsers decode: a browser tells a size only once it has
 * decoded the whole. (ImageDecoder tells none before its first frame.) No more is read than what a file of the format begins
 * with, and the numbers: whether the rest is sound shows when it is decoded, and its size is asked again then.
 */

import type { Size } from "../shared/sizes.js";
import { typesOfContent } from "./media_type.js";

type Reader = (file: DataView) => Size | undefined;

/** Bytes of a BMP file's second header: the first version's, and the last one's. */
const [SHORTEST_BMP, LONGEST_BMP] = [12, 124];

const size = (width: number, height: number): Size => ({ width, height });
const name = (file: DataView, at: number): string => String.fromCharCode(...Array.from({ length: 4 }, (_, i) => file.getUint8(at + i)));

/** The frame's header comes after any number of other segments. */
function ofJpeg(file: DataView): Size | undefined {
  for (let at = 2; ; ) {
    const marker = file.getUint8(at + 1);
    if (file.getUint8(at) !== 0xff || marker === 0xff || marker === 0) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (marker === 0xd9) return undefined;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return size(file.getUint16(at + 7), file.getUint16(at + 5));
    else at += 2 + Math.max(2, file.getUint16(at + 2));
  }
}

/** The canvas of an extended file, otherwise the picture itself, lossless or lossy. */
function ofWebP(file: DataView): Size | undefined {
  if (name(file, 0) !== "RIFF") return undefined;
  const uint24 = (at: number): number => file.getUint16(at, true) | (file.getUint8(at + 2) << 16);
  switch (name(file, 12)) {
    case "VP8X":
      return size(uint24(24) + 1, uint24(27) + 1);
    case "VP8L": {
      const bits = file.getUint32(21, true);
      return size((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
    }
    case "VP8 ":
      return size(file.getUint16(26, true) & 0x3fff, file.getUint16(28, true) & 0x3fff);
  }
  return undefined;
}

/** The header is the first chunk, or the second in the PNGs of Apple's applications, whose first is of their own. */
function ofPng(file: DataView): Size | undefined {
  const at = name(file, 12) === "CgBI" ? 20 + file.getUint32(8) : 8;
  return name(file, at + 4) === "IHDR" ? size(file.getUint32(at + 8), file.getUint32(at + 12)) : undefined;
}

/** What follows "BM", which texts begin with too, is a header of one of several lengths. */
function ofBmp(file: DataView): Size | undefined {
  const length = file.getUint32(14, true);
  if (length < SHORTEST_BMP || length > LONGEST_BMP) return undefined;
  return length === SHORTEST_BMP
    ? size(file.getUint16(18, true), file.getUint16(20, true))
    : size(Math.abs(file.getInt32(18, true)), Math.abs(file.getInt32(22, true)));
}

/**
 * AVIF and HEIC: the largest of the pictures inside, whose sizes are in boxes `ispe`, and of a sequence's tracks, whose are in
 * their sample entries. These boxes are looked for by their names wherever they may be.
 */
function ofHeif(file: DataView): Size | undefined {
  let largest = size(0, 0);
  const found = (width: number, height: number): void => {
    if (width * height > largest.width * largest.height) largest = size(width, height);
  };
  for (let at = 0; at + 8 <= file.byteLength; ) {
    const length = file.getUint32(at);
    const box = name(file, at + 4);
    // 0: to the end; 1: the length is in the next eight bytes.
    const bytes = length === 0 ? file.byteLength - at : length === 1 ? Number(file.getBigUint64(at + 8)) : length;
    const end = Math.min(at + Math.max(bytes, 8), file.byteLength);
    if (box === "meta" || box === "moov") {
      for (let i = at + 8; i + 32 <= end; i += 1) {
        switch (file.getUint32(i)) {
          case 0x69737065: // ispe
            found(file.getUint32(i + 8), file.getUint32(i + 12));
            break;
          case 0x61763031: // av01
          case 0x68766331: // hvc1
          case 0x68657631: // hev1
            if (box === "moov") found(file.getUint16(i + 28), file.getUint16(i + 30));
        }
      }
    }
    at = end;
  }
  return largest.width * largest.height > 0 ? largest : undefined;
}

const READERS: Partial<Record<string, Reader>> = {
  "image/jpeg": ofJpeg,
  "image/png": ofPng,
  "image/gif": (file) => size(file.getUint16(6, true), file.getUint16(8, true)),
  "image/webp": ofWebP,
  "image/bmp": ofBmp,
  "image/avif": ofHeif,
  "image/heic": ofHeif,
  "image/heif": ofHeif,
};

/**
 * The size that is in a file's header.
 *
 * @param bytes the file
 * @returns `undefined` where the content is of no format that is known here, whatever the file is called, and for a file that
 * is cut short before it says
 */
export function sizeInHeader(bytes: Uint8Array): Size | undefined {
  const read = READERS[typesOfContent(bytes)[0] ?? ""];
  try {
    return read?.(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    if (error instanceof RangeError) return undefined; // past the end
    throw error;
  }
}
