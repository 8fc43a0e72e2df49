/**
 * A file at an address, read by HTTP ranges as far as the server has them.
 *
 * It is read to the end through whatever passes: a connection that breaks is taken up where it broke, a server that is busy
 * is asked again, one that knows no ranges has its whole file read. A file that has changed in between is
 * {@link FileChanged}; everything else ends in a `fetch` error that names the address.
 */

import { ClipVisionError } from "./errors.js";
import { checkStatus, describeFailure, htmlError, looksLikeHtml, nameOf, shortUrl, SNIFFED, statusError, type Fetch, type Validators } from "./files.js";
import { isPassing, pauseAfter, type Sleep } from "./retry.js";
import { checkBytes, readAll, type ByteRange, type Sink, type Source } from "./sources.js";

/** The file on the server is no longer the one that was begun. */
export class FileChanged extends ClipVisionError {}

/** What a {@link RemoteFile} needs of the world. */
export interface Network {
  fetch: Fetch;
  sleep: Sleep;
  /** The origin of the page. */
  origin: string;
}

/** What became of a request: it went well, may be tried again at once (otherwise), or later; or the file has no more. */
interface Outcome {
  ended?: true;
  again?: true;
  failure?: ClipVisionError;
  response?: Response;
}

/** How a {@link RemoteFile} is read. */
export interface RemoteFileOptions {
  /** From its first to its last byte, in one go. Default `false`. */
  whole?: boolean;
  /** What the server has said of it before. */
  validators?: Validators;
  /** Bytes that it may have: a server that announces more is not listened to. Default: any number. */
  most?: number;
  /** Whether a server that has not answered at all is asked again. Default `true`. */
  patient?: boolean;
}

/** A file at an address. */
export class RemoteFile implements Source {
  readonly name: string;
  /** What the server has said of the file. */
  validators: Validators;
  readonly #url: string;
  readonly #network: Network;
  /**
   * How the file is read: in parts; from its beginning to its end, in ranges only to take up where it broke; or without
   * any ranges, where the server has none that could be trusted.
   */
  #mode: "parts" | "stream" | "plain";
  /** Only where there is HTTP: an extension's files answer a range with status 200 and nothing that tells it from the whole. */
  readonly #ranges: boolean;
  /** Whether the answers are of the page's own origin. */
  #own = false;
  #answered = false;
  /** Whether the last answer ended before it should have. */
  #broke = false;
  /** Whether the file's size has been said. */
  #told = false;
  #sniffed: Uint8Array | undefined = new Uint8Array();
  readonly #most: number;
  readonly #patient: boolean;

  constructor(url: string, network: Network, { whole = false, validators = {}, most = Infinity, patient = true }: RemoteFileOptions = {}) {
    this.#url = url;
    this.name = nameOf(url);
    this.validators = validators;
    this.#network = network;
    this.#most = most;
    this.#patient = patient;
    this.#ranges = /^https?:/i.test(url);
    this.#mode = !this.#ranges ? "plain" : whole ? "stream" : "parts";
  }

  /** Whether the server has given parts of the file, as far as it was asked. */
  get ranged(): boolean {
    return this.#mode === "parts";
  }

  async read(sink: Sink, signal: AbortSignal): Promise<void> {
    let failures = 0;
    let at = -1;
    for (let range; (range = sink.wanted()); ) {
      signal.throwIfAborted();
      if (range[0] > at) [at, failures] = [range[0], 0]; // it went on: earlier failures don't count
      const { ended, failure = this.#stuck(range, sink), response } = await this.#request(range, sink, signal);
      if (ended) return;
      if (failure === undefined) continue;
      failures += 1;
      // Not even an answer: perhaps something on the way minds ranges.
      if (!this.#answered && failures >= 2 && this.#mode === "parts") this.#mode = "stream";
      const pause = pauseAfter(failures, response);
      if (pause === undefined) throw failure;
      await this.#network.sleep(pause, signal);
    }
  }

  /** The failure of a request that gave nothing, though more is wanted. */
  #stuck([start]: ByteRange, sink: Sink): ClipVisionError | undefined {
    return sink.wanted()?.[0] === start ? this.#cutShort(start) : undefined;
  }

  #cutShort(start: number): ClipVisionError {
    return new ClipVisionError("fetch", `${shortUrl(this.#url)} is cut short: there is nothing from byte ${start} on`, { url: this.#url });
  }

  /** One request; what it fails with, if another one may not. Throws what is final. */
  async #request(range: ByteRange, sink: Sink, signal: AbortSignal): Promise<Outcome> {
    const [start, end] = range;
    const headers: Record<string, string> = {};
    if (this.#mode === "parts") headers["Range"] = `bytes=${start}-${end - 1}`;
    if (this.#mode === "stream" && start > 0) headers["Range"] = `bytes=${start}-`;
    const { etag } = this.validators;
    // To other origins a condition would have to be allowed, and mostly is not.
    if (start > 0 && headers["Range"] && this.#own && etag && !etag.startsWith("W/")) headers["If-Range"] = etag;
    let response: Response;
    try {
      response = await this.#network.fetch(this.#url, { signal, headers });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof ClipVisionError) throw cause;
      const failure = describeFailure(this.name, this.#url, cause);
      // What is not on a network (`blob:`, `data:`) is not there later either.
      if (!this.#ranges || !(this.#answered || this.#patient)) throw failure;
      return { failure };
    }
    let outcome: Outcome;
    try {
      outcome = await this.#answer(response, range, sink, signal);
    } finally {
      if (!response.bodyUsed) await response.body?.cancel().catch(() => undefined);
    }
    return outcome.again ? this.#request(range, sink, signal) : outcome;
  }

  async #answer(response: Response, [start, end]: ByteRange, sink: Sink, signal: AbortSignal): Promise<Outcome> {
    const url = shortUrl(this.#url);
    const { status } = response;
    if (isPassing(status)) return { failure: statusError(response, this.#url), response };
    if (status === 416 && this.#mode !== "plain") {
      // An empty file has no ranges at all.
      if (start === 0) return this.#without();
      const { size = contentRange(response)?.size } = this.validators;
      // It broke off where the file ends, perhaps: without ranges that is to be seen.
      if (this.#broke && size === undefined) return this.#without();
      if (this.#broke && start !== size) throw this.#cutShort(start);
      return this.#ended(start, sink);
    }
    checkStatus(response, this.#url);
    if (status !== 200 && status !== 206) throw new ClipVisionError("fetch", `${url} answered ${status}`, { status, url: this.#url });
    if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) throw htmlError(this.#url);
    const encoded = Boolean(response.headers.get("content-encoding"));
    const part = status === 206 ? contentRange(response) : undefined;
    // Ranges of what is encoded, or others than were asked for, are of no use.
    if (status === 206 && (encoded || this.#mode === "plain" || (part?.start ?? start) !== start)) {
      if (this.#mode === "plain") throw new ClipVisionError("fetch", `${url} answered with a part of the file`, { status, url: this.#url });
      return this.#without();
    }
    this.#answered = true;
    if (status === 200) checkBytes(contentLength(response) ?? 0, this.#most);
    this.#own = new URL(response.url || this.#url).origin === this.#network.origin;
    // Other origins don't let be seen whether they encode a whole file; its length would then be another one.
    const length = encoded || (status === 200 && !this.#own) ? undefined : contentLength(response);
    this.#check(response, status === 206 ? part?.size : length, sink);
    if (status === 200) this.#mode = encoded || !this.#ranges ? "plain" : "stream";
    const last = status === 206 && this.#mode === "parts" ? end : Infinity;
    return this.#body(response, { at: status === 206 ? start : 0, from: start, end: last, length }, sink, signal);
  }

  #without(): Outcome {
    this.#mode = "plain";
    return { again: true };
  }

  /** Compares what the server says of the file with what it said before. */
  #check(response: Response, size: number | undefined, sink: Sink): void {
    const etag = response.headers.get("etag");
    const modified = response.headers.get("last-modified");
    const now: Validators = { ...(etag && { etag }), ...(modified && { modified }), ...(size !== undefined && { size }) };
    const before = this.validators;
    if (changed(before, now)) {
      throw new FileChanged("fetch", `${shortUrl(this.#url)} changed on the server while it was being read`, { url: this.#url });
    }
    this.validators = { ...before, ...now };
    if (size !== undefined && !this.#told) sink.size(size);
    this.#told ||= size !== undefined;
  }

  /** Reads a body whose first byte is the file's byte `at`, and of which those from `from` up to `end` are new. */
  async #body(
    response: Response,
    { at, from, end, length }: { at: number; from: number; end: number; length: number | undefined },
    sink: Sink,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const first = at;
    this.#broke = false;
    // What stands behind the file is not of it, if only the answer had an end.
    const { size = Infinity } = this.validators;
    const last = Math.min(end, size);
    try {
      if (response.body) {
        for await (const piece of piecesOf(response.body, signal, length)) {
          if (at === 0 || this.#sniffed?.byteLength) this.#sniff(piece);
          const fresh = piece.subarray(Math.max(0, from - at), Math.max(0, last - at));
          const offset = Math.max(at, from);
          at += piece.byteLength;
          if (fresh.byteLength > 0) sink.take(offset, fresh);
          if (!sink.wanted() || at >= end) return {};
          if (at >= size) return this.#ended(size, sink);
        }
      }
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (!(cause instanceof BrokenBody)) throw cause;
      return { failure: this.#broken(at, cause.cause) };
    }
    if (at < from || (length !== undefined && at < first + length)) return { failure: this.#broken(at) };
    return end === Infinity ? this.#ended(at, sink) : {};
  }

  /** That was the whole file, whose size perhaps no answer has said. */
  #ended(size: number, sink: Sink): Outcome {
    if (!this.#told) sink.size(size);
    return { ended: true };
  }

  #broken(at: number, cause?: unknown): ClipVisionError {
    this.#broke = true;
    const { size } = this.validators;
    const of = size === undefined ? "" : ` of ${size}`;
    return new ClipVisionError("fetch", `The connection to ${shortUrl(this.#url)} broke after ${at}${of} bytes`, { cause, url: this.#url });
  }

  /** Looks at a file's first bytes. */
  #sniff(piece: Uint8Array): void {
    if (this.#sniffed === undefined) return;
    const start = new Uint8Array([...this.#sniffed, ...piece.subarray(0, 64)]);
    if (looksLikeHtml(start)) throw htmlError(this.#url);
    this.#sniffed = start.byteLength >= SNIFFED ? undefined : start;
  }
}

/**
 * A photo at an address. A server that has not answered at all is asked once: one that refuses this page looks the same, and
 * of a thousand photos each would be waited for.
 *
 * @param most how many bytes it may have
 */
export const readPhoto = (url: string, network: Network, signal: AbortSignal, most?: number): Promise<Uint8Array<ArrayBuffer>> =>
  readAll(new RemoteFile(url, network, { whole: true, patient: false, ...(most !== undefined && { most }) }), signal, most);

/** Whether two answers are of different states of a file, as far as both say. */
export function changed(before: Validators, now: Validators): boolean {
  if (before.size !== undefined && now.size !== undefined && before.size !== now.size) return true;
  const strong = (etag: string): string => etag.replace(/^W\//, "");
  if (before.etag !== undefined && now.etag !== undefined) return strong(before.etag) !== strong(now.etag);
  return before.modified !== undefined && now.modified !== undefined && before.modified !== now.modified;
}

/** What a body failed with, whatever that is: told apart from what a sink throws. */
class BrokenBody extends Error {}

/** Milliseconds for which an answer may have no end after its last byte. */
const FOR_THE_END = 100;

/**
 * A stream's pieces, until the signal; who stops taking them ends the stream. One of which all bytes have come is read to its end, or
 * browsers would count the request as canceled.
 */
async function* piecesOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal, length = Infinity): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop);
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new BrokenBody("", { cause });
      });
      signal.throwIfAborted();
      if (done) return;
      bytes += value.byteLength;
      if (value.byteLength > 0) yield value;
    }
  } finally {
    if (bytes === length && !signal.aborted) await Promise.race([reader.read().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, FOR_THE_END))]);
    signal.removeEventListener("abort", stop);
    stop(); // also when the consumer has had enough: the download ends with it
  }
}

/** Content-Length: bytes of this answer's body. */
function contentLength(response: Response): number | undefined {
  const text = response.headers.get("content-length");
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Content-Range, where the server lets it be seen; of a range that can't be met the size alone. */
function contentRange(response: Response): { start?: number; size?: number } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/i.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  const [, start, size] = match;
  return { ...(start !== undefined && { start: Number(start) }), ...(size !== "*" && { size: Number(size) }) };
}
