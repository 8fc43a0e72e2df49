/**
 * `fetch` through the page: where the application gave a function of its own (headers, credentials, a cache), the worker
 * asks the page to call it (`page/fetch_service.ts`), and reads the body as a transferred stream.
 */

import type { Fetch } from "../shared/files.js";
import type { FetchCalls } from "../shared/protocol.js";
import type { RpcClient } from "../shared/rpc_client.js";

/** The statuses that a `Response` refuses to have a body for. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Like the global `fetch`; what has been answered ends with its body's stream, not with the signal. */
export const pageFetch =
  (page: RpcClient<FetchCalls>): Fetch =>
  async (asked, { signal, headers: wanted }) => {
    const argument = { url: asked, ...(wanted && { headers: wanted }) };
    const { status, headers, body, url } = await page.call("fetch", argument, { signal });
    const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) };
    const response = new Response(WITHOUT_BODY.has(status) ? null : body, init);
    // A response that was made has no address of its own; this one's tells how far it was redirected.
    return Object.defineProperty(response, "url", { value: url });
  };
