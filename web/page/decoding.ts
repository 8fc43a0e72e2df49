/** How a photo's file becomes pixels: what an application may ask for, and what travels of it. */

import { invalid } from "../shared/errors.js";
import type { RawPixels, Rgb, WireDecoding, WireOpacity, WirePhoto } from "../shared/protocol.js";
import { tagOf } from "../shared/values.js";

const DECODE = ["exact", "fast"] as const;
const DECODERS = ["auto", "rust", "browser"] as const;

/**
 * Decodes a file of a format that neither this package nor every browser reads, such as HEIC. Called on the page, with the
 * file's bytes, for two files at a time at most; gives 8-bit pixels row by row, RGBA unless `channels` says 1 or 3, upright,
 * colors not multiplied by opacity, which are copied. The signal aborts when the call is canceled. What it throws, and
 * pixels that are not what they say, are the photo's `decode` error, with the `cause`; more pixels than `maxPixels` are
 * `too-large`. `decode: "fast"` changes nothing for it.
 */
export type PhotoDecoder = (
  bytes: Uint8Array,
  init: { signal: AbortSignal },
) => Promise<Omit<RawPixels, "channels"> & Partial<Pick<RawPixels, "channels">>>;

/** How photos become pixels. `decode` and `decoder` are for files; what the browser has decoded is taken as it is. */
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
  /**
   * Whether SVG is drawn, by the browser on the page, at 4 megapixels at most. Default `false`: it is refused as
   * `unsupported-format`. Only for drawings that are trusted: a few hundred bytes of SVG can keep the page's own thread busy
   * without end.
   */
  svg?: boolean;
}

/** Whether SVG is drawn, if that was said. */
export function svgOf({ svg }: DecodingOptions): boolean | undefined {
  if (svg === undefined || typeof svg === "boolean") return svg;
  throw invalid(`svg must be true or false, not ${tagOf(svg)}`);
}

/** Checks the options about files and opacity, which the worker is told; what is not given is left out. */
export function decodingOf({ decode, decoder, background }: DecodingOptions): WireDecoding & WireOpacity {
  return { ...oneOf("decode", decode, DECODE), ...oneOf("decoder", decoder, DECODERS), ...opacityOf(background) };
}

function opacityOf(background: Rgb | "drop" | undefined): WireOpacity {
  if (background === undefined) return {};
  if (background === "drop") return { background };
  const byte = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
  if (Array.isArray(background) && background.length === 3 && background.every(byte)) return { background: [...background] as unknown as Rgb };
  throw invalid(`background must be three whole numbers from 0 to 255, or "drop", not ${String(background)}`);
}

function oneOf<Name extends string, Value>(name: Name, value: Value | undefined, known: readonly Value[]): { [N in Name]?: Value } {
  if (value === undefined) return {};
  if (known.includes(value)) return { [name]: value } as { [N in Name]: Value };
  throw invalid(`${name} must be one of ${known.join(", ")}, not ${String(value)}`);
}

/** A photo with the way in which it is to be decoded: where it is a file; opacity is any photo's. */
export function withDecoding(photo: WirePhoto, ...decodings: (WireDecoding & WireOpacity)[]): WirePhoto {
  const { background, ...decoding } = Object.assign({}, ...decodings) as WireDecoding & WireOpacity;
  const isFile = photo.kind === "url" || photo.kind === "blob" || photo.kind === "encoded";
  return { ...photo, ...(isFile && decoding), ...(background && { background }) };
}
