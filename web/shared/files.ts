/**
 * What a server answers in place of a file (an HTTP error, a page of HTML, nothing at all), as `fetch` errors that say which
 * address, and what came instead.
 */

import { ClipVisionError, messageOf } from "./errors.js";
import { withoutSecrets } from "./redact.js";

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: { signal: AbortSignal; headers?: Record<string, string> }) => Promise<Response>;

/** What a server calls the state of a file. */
export interface Validators {
  etag?: string;
  modified?: string;
  size?: number;
}

/** Bytes by which a page of HTML is known: "<!doctype html>". */
export const SNIFFED = 15;

/** The last part of an address: what a person calls the file. */
export const nameOf = (url: string): string => {
  const path = withoutSecrets(url);
  const name = path.slice(path.lastIndexOf("/") + 1) || path;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
};

/** The address of a file in the same folder. */
export function beside(url: string, name: string): string {
  const file = new URL(url);
  const path = name.split("/").map(encodeURIComponent).join("/");
  file.pathname = file.pathname.replace(/[^/]*$/, () => path);
  return file.href;
}

/** An address as a message shows it: without its secrets, and shortened if it is long, as data URLs are. */
export const shortUrl = (url: string): string => {
  const shown = withoutSecrets(url);
  return shown.length > 200 ? `${shown.slice(0, 120)}… (${shown.length} characters)` : shown;
};

/** A request never got an answer. */
export class NoAnswer extends ClipVisionError {}

/** The error for a request that never got an answer. */
export function describeFailure(what: string, url: string, cause: unknown): NoAnswer {
  const text = messageOf(cause).replaceAll(url, () => shortUrl(url));
  const reasons = "location" in globalThis ? "no connection, a server that does not allow this page (CORS), or a Content Security Policy" : "no connection?";
  return new NoAnswer("fetch", `Could not fetch ${what} from ${shortUrl(url)}: ${text} (${reasons})`, { cause, url });
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
  declare readonly status: number;
  declare readonly url: string;

  constructor(message: string, status: number, url: string) {
    super("fetch", message, { status, url });
  }
}

/** The error for an answer with another status than that of a file. */
export function statusError({ status, statusText }: Response, url: string): HttpError {
  const advice =
    status === 401 || status === 403 ? " (it is private or gated, or not there: the option `token` sends an access token along)" : "";
  // Of a file in Node no server was asked.
  const answer = /^file:/i.test(url) ? `: ${statusText}` : ` answered ${status}${statusText && ` ${statusText}`}`;
  return new HttpError(`${shortUrl(url)}${answer}${advice}`, status, url);
}

/** The same error, and what may have led to it. */
export const explained = (error: ClipVisionError, why: string): ClipVisionError =>
  new ClipVisionError(error.code, `${error.message}. ${why}`, { cause: error, status: error.status, url: error.url });

/** Throws unless the server answered with the file. */
export function checkStatus(response: Response, url: string): void {
  if (!response.ok) throw statusError(response, url);
}

/** Whether a file begins like a page of HTML: what single-page applications and login walls answer with. */
export function looksLikeHtml(start: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(start.subarray(0, 64)).replace(/^\u00ef\u00bb\u00bf/, "");
  return /^\s*<(!doctype html|html|head|body)\b/i.test(text);
}

/** The error for a page where a file should be. */
export const htmlError = (url: string): HttpError => new HttpError(`${shortUrl(url)} answered with an HTML page instead of the file`, 200, url);
