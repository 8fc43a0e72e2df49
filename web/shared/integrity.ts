/** Checksums that files have to have: sha256, as 64 hexadecimal digits or as `sha256-…` in base64 (as in HTML). */

import { ClipVisionError, invalid } from "./errors.js";
import { hexOf } from "./values.js";

/** A sha256 in either form -> lower-case hexadecimal digits. Throws `invalid-argument`. */
export function sha256Hex(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const base64 = /^sha256-([A-Za-z0-9+/]{43}=?)$/.exec(text)?.[1];
  if (base64 !== undefined) {
    return hexOf(Uint8Array.from(atob(base64.padEnd(44, "=")), (byte) => byte.charCodeAt(0)));
  }
  throw invalid(`integrity must be a sha256, in hexadecimal digits or as sha256-…, not ${text}`);
}

/** Throws `integrity` unless a file has the sha256 that it should have. */
export function checkSha256(actual: string, expected: string, what: string): void {
  if (actual === expected) return;
  throw new ClipVisionError("integrity", `${what} has the sha256 ${actual}, not ${expected}: it is not the file that was meant`);
}

/** The sha256 of bytes, in hexadecimal digits. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** What the files were checked with that a part of a model is made of. */
export interface Verified {
  /** The sha256 of each, by its name. */
  files: Record<string, string>;
  /** The files that an index named; one that the part did not need may have a checksum nevertheless. */
  shards: readonly string[];
}
