/** How a photo's file becomes pixels: what an application may ask for, and what travels of it. */

import { ClipVisionError } from "./errors.js";
import type { WireDecoding, WirePhoto } from "./protocol.js";

const DECODE = ["exact", "fast"] as const;
const DECODERS = ["auto", "rust", "browser"] as const;

/** How photos that come as files are decoded; pixels and the browser's own pictures are taken as they are. */
export interface DecodingOptions {
  /**
   * `"exact"`: every value as in Python. `"fast"`: a JPEG that is much larger than the model's image is decoded at 1/2,
   * 1/4 or 1/8 of its size, and what the browser decodes is drawn at twice the model's size before its pixels are read;
   * docs/bench.md has the times and the cosines. Default `"exact"`.
   */
  decode?: (typeof DECODE)[number];
  /**
   * `"rust"`: this package's decoders alone. `"browser"`: the browser's, whose pixels differ a little from Python's.
   * `"auto"`: this package's, and the browser's for formats that they do not read (AVIF, say). Default `"auto"`.
   */
  decoder?: (typeof DECODERS)[number];
}

/** Checks the options; what is not given is left out. */
export function decodingOf({ decode, decoder }: DecodingOptions): WireDecoding {
  return { ...given("decode", decode, DECODE), ...given("decoder", decoder, DECODERS) };
}

function given<Name extends string, Value>(name: Name, value: Value | undefined, known: readonly Value[]): { [N in Name]?: Value } {
  if (value === undefined) return {};
  if (known.includes(value)) return { [name]: value } as { [N in Name]: Value };
  throw new ClipVisionError("invalid-argument", `${name} is one of ${known.join(", ")}, not ${String(value)}`);
}

/** A photo with the way in which it is to be decoded, where it is a file. */
export function withDecoding(photo: WirePhoto, ...decodings: WireDecoding[]): WirePhoto {
  const isFile = photo.kind === "url" || photo.kind === "blob" || photo.kind === "encoded";
  return isFile ? Object.assign({}, photo, ...decodings) : photo;
}
