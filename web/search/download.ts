/** A collection's file from an address, with a limit: servers may announce no length, or a wrong one. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { answerOf, checkStatus, shortUrl } from "../shared/files.js";
import { Gathering } from "../shared/gathering.js";
import { platform } from "../shared/platform.js";

/** Bytes that are accepted where an application says nothing. */
export const MOST_BYTES = 2 ** 31;

/** Throws unless `most` can be a limit. */
export function checkMost(most: number): void {
  if (!(Number.isFinite(most) && most >= 1)) throw invalid(`limits.maxBytes must be a finite number from 1, not ${String(most)}`);
}

/**
 * What a server has at `url`; of more than `most` bytes no more is read than it takes to know that.
 *
 * @throws {@link ClipVisionError} `too-large`, `fetch`, or the signal's reason
 */
export async function downloaded(url: string, most: number, signal: AbortSignal | undefined): Promise<Blob> {
  const response = await answerOf("the embeddings", url, () => (platform()?.fetch ?? fetch)(url, signal ? { signal } : {}), signal);
  checkStatus(response, url);
  const reader = response.body?.getReader();
  try {
    checkLength(url, Number(response.headers.get("content-length") ?? 0), most);
    return reader ? await gathered(reader, (bytes) => checkLength(url, bytes, most)) : new Blob();
  } catch (cause) {
    void reader?.cancel().catch(() => undefined); // the download ends with it
    if (signal?.aborted) throw signal.reason;
    throw cause instanceof ClipVisionError ? cause : new ClipVisionError("fetch", `${shortUrl(url)} broke off`, { cause });
  }
}

/** All that comes; `check` is told how much that is so far. */
async function gathered(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>, check: (bytes: number) => void): Promise<Blob> {
  const pieces = new Gathering();
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return pieces.blob();
    check((bytes += value.byteLength));
    pieces.add(value);
  }
}

function checkLength(url: string, bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new ClipVisionError("too-large", `${shortUrl(url)} has at least ${bytes} bytes, and the limit is ${most} (option limits: { maxBytes })`, { url });
}
