/**
 * What only the page can do, since functions don't travel: the worker asks it (`page/page_service.ts`) to call the
 * application's own `fetch` (headers, credentials, a cache), whose body comes as a transferred stream.
 */

import type { Fetch } from "../shared/files.js";
import type { FetchPurpose, PageCalls } from "../shared/protocol.js";
import type { RpcClient } from "../shared/rpc_client.js";

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
