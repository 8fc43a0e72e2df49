/**
 * Reading files in the worker, from the network or from what the page handed over, as pieces that stream in. A file that
 * isn't what it should be (an HTTP error, a page of HTML, a connection that breaks) is a `fetch` error that says which
 * address, and what came instead.
 */

import { ClipVisionError, messageOf } from "./errors.js";
import type { WireFile } from "./protocol.js";
import { joined } from "./values.js";

/** The part of `fetch` that the worker uses. */
export type Fetch = (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }) => Promise<Response>;

/** What a server calls the state of a file. */
export interface Validators {
  etag?: string;
  modified?: string;
  size?: number;
}

/** An opened file. */
export interface OpenFile {
  name: string;
  /** Size in bytes, where it is known. */
  total: number | undefined;
  /** The content, in order. */
  pieces(): AsyncGenerator<Uint8Array, void>;
}

const bytes = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length);

/** Bytes by which a page of HTML is known: "<!doctype html>". */
export const SNIFFED = 15;

/** The last part of an address: what a person calls the file. */
export const nameOf = (url: string): string => {
  const path = url.replace(/[?#].*$/s, "");
  return path.slice(path.lastIndexOf("/") + 1) || url;
};

/** A long address, such as a data URL, shortened for a message. */
export const shortUrl = (url: string): string => (url.length > 200 ? `${url.slice(0, 120)}… (${url.length} characters)` : url);

/** The error for a request that never got an answer. */
export function describeFailure(what: string, url: string, cause: unknown): ClipVisionError {
  const text = messageOf(cause);
  const reasons = "no connection, a server that does not allow this page (CORS), or a Content Security Policy";
  return new ClipVisionError("fetch", `Could not fetch ${what} from ${shortUrl(url)}: ${text} (${reasons})`, { cause });
}

/** A request's answer; without one, the error that says so, or the signal's reason. */
export async function answerOf(
  what: string,
  url: string,
  request: () => Promise<Response>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  try {
    return await request();
  } catch (cause) {
    throw signal?.aborted ? signal.reason : describeFailure(what, url, cause);
  }
}

/** The server answered that there is no such file, or not for us. */
export class HttpError extends ClipVisionError {
  readonly status: number;

  constructor(message: string, status: number) {
    super("fetch", message);
    this.status = status;
  }
}

/** Throws unless the server answered with the file. */
export function checkStatus(response: Response, url: string): void {
  if (response.ok) return;
  const { status, statusText } = response;
  const advice =
    status === 401 || status === 403 ? " (it is private or gated, or not there: the option `fetch` can send a token along)" : "";
  throw new HttpError(`${shortUrl(url)} answered ${status}${statusText ? ` ${statusText}` : ""}${advice}`, status);
}

/** Whether a file begins like a page of HTML: what single-page applications and login walls answer with. */
export function looksLikeHtml(start: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(start.subarray(0, 64)).replace(/^\u00ef\u00bb\u00bf/, "");
  return /^\s*<(!doctype html|html|head|body)\b/i.test(text);
}

/** The error for a page where a file should be. */
export const htmlError = (url: string): HttpError => new HttpError(`${shortUrl(url)} answered with an HTML page instead of the file`, 200);

/** Content-Length, where it is the number of bytes that will be read. */
function lengthOf(response: Response): number | undefined {
  if (response.headers.get("content-encoding")) return undefined;
  const text = response.headers.get("content-length");
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A stream's pieces, until the signal; who stops taking them ends the stream. */
export async function* piecesOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      if (value.byteLength > 0) yield value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop(); // also when the consumer has had enough: the download ends with it
  }
}

async function* checkedPieces(response: Response, url: string, total: number | undefined, signal: AbortSignal) {
  if (!response.body) return;
  let loaded = 0;
  let start: Uint8Array | undefined = new Uint8Array();
  try {
    for await (const piece of piecesOf(response.body, signal)) {
      loaded += piece.byteLength;
      if (start !== undefined) {
        start = start.byteLength ? joined([start, piece.subarray(0, 64)], bytes) : piece;
        if (looksLikeHtml(start)) throw htmlError(url);
        if (start.byteLength >= SNIFFED) start = undefined;
      }
      yield piece;
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof ClipVisionError) throw cause;
    const of = total === undefined ? "" : ` of ${total}`;
    throw new ClipVisionError("fetch", `The connection to ${shortUrl(url)} broke after ${loaded}${of} bytes`, { cause });
  }
}

/** Opens a file; `undefined` if it is optional and not there. */
export async function openFile(file: WireFile, fetch: Fetch, signal: AbortSignal): Promise<OpenFile | undefined> {
  if ("blob" in file) {
    const { blob, name } = file;
    return { name, total: blob.size, pieces: () => blobPieces(blob, name, signal) };
  }
  const { url, optional = false } = file;
  const name = nameOf(url);
  const response = await answerOf(name, url, () => fetch(url, { signal }), signal);
  // A server of single-page applications answers with its start page where there is no such file.
  const html = response.ok && /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
  if (!response.ok || html) await response.body?.cancel().catch(() => undefined);
  if (optional && (response.status === 404 || html)) return undefined;
  checkStatus(response, url);
  if (html) throw htmlError(url);
  const total = lengthOf(response);
  return { name, total, pieces: () => checkedPieces(response, url, total, signal) };
}

async function* blobPieces(blob: Blob, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  try {
    yield* piecesOf(blob.stream(), signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    // A file on disk that was changed or deleted since the user picked it.
    throw new ClipVisionError("fetch", `Could not read the file ${name}: ${String(cause)}`, { cause });
  }
}

/**
 * The whole content of an opened file.
 *
 * @param most how many bytes it may have; of a larger one no more is read than it takes to know that
 * @throws {@link ClipVisionError} `too-large`
 */
export async function readAll(file: OpenFile, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  for await (const piece of file.pieces()) {
    loaded += piece.byteLength;
    checkBytes(Math.max(loaded, file.total ?? 0), most); // leaving the loop ends the download
    pieces.push(piece);
  }
  return joined(pieces, bytes);
}

/** Throws `too-large` where `bytes` encoded bytes are more than `most`. */
export function checkBytes(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new ClipVisionError("too-large", `${bytes} encoded bytes are over the limit of ${most}`);
}
