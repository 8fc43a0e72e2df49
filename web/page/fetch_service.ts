/** The page's end of `fetch` through the page (`worker/page_fetch.ts`): calls the application's function, hands its answer over. */

import type { Fetch } from "../shared/files.js";
import type { FetchCalls } from "../shared/protocol.js";
import type { Answer, Post } from "../shared/rpc.js";
import { RpcServer } from "../shared/rpc_server.js";

/**
 * @param fetch the application's function
 * @param post sends a message to the worker
 */
export function fetchService(fetch: Fetch, post: Post<Answer<FetchCalls>>): RpcServer<FetchCalls> {
  return new RpcServer<FetchCalls>({
    async run({ argument: { url, headers: wanted } }, signal) {
      const response = await fetch(url, { signal, ...(wanted && { headers: wanted }) });
      const { status, headers, body } = response;
      if (signal.aborted) void body?.cancel().catch(() => undefined);
      return [{ url: response.url || url, status, headers: [...headers], body }, body ? [body] : []];
    },
    async post(message, transfer) {
      try {
        post(message, transfer);
      } catch (error) {
        if (message.type !== "done" || !message.result.body) throw error;
        // Safari does not transfer streams: the whole body, which the browser may keep on disk, goes by reference.
        const body = await new Response(message.result.body).blob();
        post({ ...message, result: { ...message.result, body } }, []);
      }
    },
  });
}
