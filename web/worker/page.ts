/**
 * What only the page can do, since functions don't travel: the worker asks it (`page/page_service.ts`) to call the
 * application's own `fetch` (headers, credentials, a cache), whose body comes as a transferred stream, and its own decoders.
 */

import type { Fetch } from "../shared/files.js";
import type { FetchPurpose, PageCalls, WirePixels } from "../shared/protocol.js";
import type { RpcClient } from "../shared/rpc_client.js";
import { Semaphore } from "./semaphore.js";

/** The statuses that a `Response` refuses to have a body for. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Like the global `fetch`; what has been answered ends with its body's stream, not with the signal. */
export const pageFetch =
  (page: RpcClient<PageCalls>, purpose: FetchPurpose): Fetch =>
  async (asked, { signal, headers: wanted }) => {
    const argument = { url: asked, purpose, ...(wanted && { headers: wanted }) };
    const { status, headers, body, url } = await page.call("fetch", argument, { signal });
    const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) };
    const response = new Response(WITHOUT_BODY.has(status) ? null : body, init);
    // A response that was made has no address of its own; this one's tells how far it was redirected.
    return Object.defineProperty(response, "url", { value: url });
  };

/** Files that the page decodes at a time: the pixels of each are held, and it has other things to do. */
const DECODING = 2;

/** The application's decoders. */
export interface PageDecoders {
  /** The media types that they read, in lower case. */
  types: readonly string[];
  /** Decodes a file, whose bytes may be gone afterward. */
  decode(type: string, bytes: Uint8Array, signal: AbortSignal): Promise<WirePixels>;
}

/** Decoders of these types, called on the page. */
export function pageDecoders(page: RpcClient<PageCalls>, types: readonly string[]): PageDecoders {
  const places = new Semaphore(DECODING);
  const decode: PageDecoders["decode"] = async (type, bytes, signal) => {
    await places.enter(signal);
    try {
      const transfer = bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer as ArrayBuffer] : [];
      return { kind: "pixels", ...(await page.call("decode", { type, bytes }, { signal, transfer })) };
    } finally {
      places.leave();
    }
  };
  return { types, decode };
}
