/** How a photo's file becomes pixels: what an application may ask for, and what travels of it. */

import { invalid } from "../shared/errors.js";
import type { Rgb, WireDecoding, WireOpacity, WirePhoto } from "../shared/protocol.js";

const DECODE = ["exact", "fast"] as const;
const DECODERS = ["auto", "rust", "browser"] as const;

/** How photos become pixels. `decode` and `decoder` are for files; the browser's own pictures are taken as they are. */
export interface DecodingOptions {
  /**
   * `"exact"`: every value as in Python. `"fast"`: a JPEG that is much larger than the model's image is decoded at 1/2,
   * 1/4 or 1/8 of its size, and what the browser decodes is drawn at twice the model's size before its pixels are read;
   * docs/bench.md has the times and the cosines. Default `"exact"`.
   */
  decode?: (typeof DECODE)[number];
  /**
   * `"rust"`: this package's decoders alone. `"browser"`: the browser's, whose pixels differ a little from Python's.
   * `"auto"`: this package's, and the browser's for files that they do not read: other formats (AVIF, say) and broken files
   * of which the browser makes something all the same. Default `"auto"`.
   */
  decoder?: (typeof DECODERS)[number];
  /**
   * The color that shows through what is transparent: red, green and blue, 0 to 255 each. Default: white, as in
   * transformers. `"drop"`: opacity is dropped, and the colors that are stored with it count in full, as in Pillow's
   * `convert("RGB")` and open_clip.
   */
  background?: Rgb | "drop";
}

/** Checks the options; what is not given is left out. */
export function decodingOf({ decode, decoder, background }: DecodingOptions): WireDecoding & WireOpacity {
  return { ...given("decode", decode, DECODE), ...given("decoder", decoder, DECODERS), ...opacityOf(background) };
}

function opacityOf(background: Rgb | "drop" | undefined): WireOpacity {
  if (background === undefined) return {};
  if (background === "drop") return { background };
  const byte = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
  if (Array.isArray(background) && background.length === 3 && background.every(byte)) return { background: [...background] as unknown as Rgb };
  throw invalid(`background is three values of 0 to 255 or "drop", not ${String(background)}`);
}

function given<Name extends string, Value>(name: Name, value: Value | undefined, known: readonly Value[]): { [N in Name]?: Value } {
  if (value === undefined) return {};
  if (known.includes(value)) return { [name]: value } as { [N in Name]: Value };
  throw invalid(`${name} is one of ${known.join(", ")}, not ${String(value)}`);
}

/** A photo with the way in which it is to be decoded: where it is a file; opacity is any photo's. */
export function withDecoding(photo: WirePhoto, ...decodings: (WireDecoding & WireOpacity)[]): WirePhoto {
  const { background, ...decoding } = Object.assign({}, ...decodings) as WireDecoding & WireOpacity;
  const isFile = photo.kind === "url" || photo.kind === "blob" || photo.kind === "encoded";
  return { ...photo, ...(isFile && decoding), ...(background && { background }) };
}
