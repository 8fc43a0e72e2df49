/** What is wrong with raw pixels. */

import { invalid, type ClipVisionError } from "../shared/errors.js";
import type { RawPixels } from "../shared/protocol.js";
import { checkSize } from "../shared/sizes.js";
import { tagOf } from "../shared/values.js";
import { arePixels } from "./photo.js";

/** Of pixels that are not what they say. */
export function wrongPixels({ data, width, height, channels }: RawPixels): ClipVisionError {
  const tag = tagOf(data);
  if (tag !== "Uint8Array" && tag !== "Uint8ClampedArray") return invalid(`Pixels must be a Uint8Array or a Uint8ClampedArray, not ${tag}`);
  if (![1, 3, 4].includes(channels)) return invalid(`Pixels must have 1, 3 or 4 channels, not ${String(channels)}`);
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1) return invalid(`The ${name} of pixels must be a whole number from 1, not ${String(value)}`);
  }
  return invalid(`${width} x ${height} pixels of ${channels} channels are ${width * height * channels} bytes, but there are ${data.length}`);
}

/** Raw pixels that are what they say, or an `invalid-argument`; or `too-large`. */
export function checkedPixels(pixels: RawPixels, maxPixels: number | undefined): RawPixels {
  if (!arePixels(pixels)) throw wrongPixels(pixels);
  checkSize(pixels, maxPixels, pixels.channels);
  return pixels;
}
