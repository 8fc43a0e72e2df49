/**
 * What the worker asks of the page (`worker/page.ts`): calls the application's functions, and hands their answers over.
 */

import { ClipVisionError, messageOf } from "../shared/errors.js";
import { shortUrl, type Fetch } from "../shared/files.js";
import type { FetchPurpose, PageCalls } from "../shared/protocol.js";
import type { Answer, Call, Post } from "../shared/rpc.js";
import { RpcServer } from "../shared/rpc_server.js";
import { copied } from "../shared/values.js";
import type { PhotoDecoder } from "./decoding.js";
import { checkedPixels } from "./wrong_pixels.js";

/** An application's `fetch`, which is told what an address is read for. */
export type PageFetch = (...asked: [...Parameters<Fetch>, purpose: FetchPurpose]) => Promise<Response>;

/** The functions that an application brings along. */
export interface PageFunctions {
  fetch?: PageFetch | undefined;
  /** By media type, in lower case. */
  decoders?: Readonly<Record<string, PhotoDecoder>> | undefined;
  /** The most pixels that a decoder may give. */
  maxPixels?: number | undefined;
}

type Answered = readonly [PageCalls[keyof PageCalls]["result"], Transferable[]];

/**
 * @param functions the application's
 * @param post sends a message to the worker
 */
export function pageService(functions: PageFunctions, post: Post<Answer<PageCalls>>): RpcServer<PageCalls> {
  return new RpcServer<PageCalls>({
    run: (call: Call<PageCalls>, signal): Promise<Answered> =>
      call.type === "fetch" ? fetched(functions.fetch, call.argument, signal) : decoded(functions, call.argument, signal),
    async post(message, transfer) {
      try {
        post(message, transfer);
      } catch (error) {
        if (message.type !== "done" || !("body" in message.result) || !message.result.body) throw error;
        // Safari does not transfer streams: the whole body, which the browser may keep on disk, goes by reference.
        const body = await new Response(message.result.body).blob();
        post({ ...message, result: { ...message.result, body } }, []);
      }
    },
  });
}

async function fetched(
  fetch: PageFetch | undefined,
  { url, headers: wanted, purpose }: PageCalls["fetch"]["argument"],
  signal: AbortSignal,
): Promise<Answered> {
  if (!fetch) throw new ClipVisionError("fetch", `There is no function that reads ${shortUrl(url)}`);
  const response = await fetch(url, { signal, ...(wanted && { headers: wanted }) }, purpose);
  const { status, headers, body } = response;
  if (signal.aborted) void body?.cancel().catch(() => undefined);
  return [{ url: response.url || url, status, headers: [...headers], body }, body ? [body] : []];
}

async function decoded(
  { decoders, maxPixels }: PageFunctions,
  { type, bytes }: PageCalls["decode"]["argument"],
  signal: AbortSignal,
): Promise<Answered> {
  const decoder = decoders?.[type];
  if (!decoder) throw new ClipVisionError("unsupported-format", `There is no decoder for ${type}`);
  try {
    const { data, width, height, channels = 4 } = await decoder(bytes, { signal });
    const pixels = checkedPixels({ data, width, height, channels }, maxPixels);
    const own = copied(pixels.data); // of a view its values alone, not the memory of a decoder around it
    return [{ ...pixels, data: own }, [own.buffer]];
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ClipVisionError && cause.code === "too-large") throw cause;
    throw new ClipVisionError("decode", `The application's decoder for ${type} failed: ${messageOf(cause)}`, { cause });
  }
}
