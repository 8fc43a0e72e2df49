/**
 * What a value is, without naming a class: the classes of the browser do not exist where a page is rendered on a server,
 * and `instanceof` fails for values of another window. Every platform object carries its class's name as a tag.
 */

import { platform } from "./platform.js";

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

/** An address, absolute: a string is relative to the document; in Node it is a path, unless it names a scheme. */
export function absoluteUrl(text: string | URL): URL {
  const place = platform();
  if (place && typeof text === "string" && !/^[a-z][a-z\d+.-]+:/i.test(text)) return place.fileUrl(text);
  return new URL(text, baseUrl());
}
