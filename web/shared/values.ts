/**
 * What a value is, without naming a class: the classes of the browser do not exist where a page is rendered on a server,
 * and `instanceof` fails for values of another window. Every platform object carries its class's name as a tag.
 */

import { invalid } from "./errors.js";
import { platform } from "./platform.js";
import { withoutSecrets } from "./redact.js";

/** `"Blob"`, `"HTMLImageElement"`, `"Uint8Array"`, `"Null"`, …: the class's name, whichever window the value is from. */
export const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** A Blob or File. */
export const isBlob = (value: unknown): value is Blob => ["Blob", "File"].includes(tagOf(value));

/** A URL object. */
export const isUrl = (value: unknown): value is URL => tagOf(value) === "URL";

/** An ArrayBuffer, a SharedArrayBuffer, or a view of one. */
export const isBuffer = (value: unknown): value is ArrayBufferLike | ArrayBufferView =>
  ArrayBuffer.isView(value) || ["ArrayBuffer", "SharedArrayBuffer"].includes(tagOf(value));

/** The bytes of a buffer or of the part that a view shows, without copying. */
export const bytesOf = (source: ArrayBufferLike | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);

/** The same bytes in a buffer of their own. */
export const copied = (source: ArrayBufferLike | ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(bytesOf(source));

/** What relative addresses are relative to: the document's base, or a worker's own address; nothing on a server. */
const baseUrl = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/**
 * An address, absolute: a string is relative to the document; in Node it is a path, unless it names a scheme.
 *
 * @throws {@link ClipVisionError} `invalid-argument`, with the message that `otherwise` gives
 */
export function absoluteUrl(text: string | URL, otherwise: (text: string) => string): URL {
  const place = platform();
  if (place && typeof text === "string" && !/^[a-z][a-z\d+.-]+:/i.test(text)) return place.fileUrl(text);
  try {
    return new URL(text, baseUrl());
  } catch {
    throw invalid(otherwise(String(text))); // the browser's own error repeats the text, secrets and all
  }
}

/** The address that an option gives. */
export const optionUrl = (url: string | URL, option: string): URL => absoluteUrl(url, (text) => `${option} must be a URL, not ${withoutSecrets(text)}`);

/** Bytes in hexadecimal digits. */
export const hexOf = (bytes: Uint8Array, separator = ""): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(separator);

/** The next multiple of `to` from `at` on. */
export const aligned = (at: number, to: number): number => Math.ceil(at / to) * to;

/** Typed arrays one after the other, in a whole that is `made` for so many values. */
export function joined<Whole extends { set(part: Part, at: number): void }, Part extends { readonly length: number }>(
  parts: readonly Part[],
  made: (length: number) => Whole,
): Whole {
  const whole = made(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Of some options those that were given, by name. */
export function given<Options extends object, Name extends keyof Options>(
  options: Options,
  ...names: readonly Name[]
): { [N in Name]?: Exclude<Options[N], undefined> } {
  const all = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return Object.fromEntries(all) as { [N in Name]?: Exclude<Options[N], undefined> };
}
