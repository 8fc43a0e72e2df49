/**
 * `fetch` through the page: where the application gave a function of its own (headers, credentials, a cache), the worker
 * asks the page to call it, and reads the body as a transferred stream.
 */

import { fromWireError } from "../shared/errors.js";
import type { Fetch } from "../shared/files.js";
import type { Request, Response as Message } from "../shared/protocol.js";

type Answer = Extract<Request, { type: "fetched" | "fetch-failed" }>;

/** The statuses that a `Response` refuses to have a body for. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** The worker's end. */
export class PageFetch {
  #tickets = 0;
  readonly #open = new Map<number, { resolve: (response: Response) => void; reject: (error: unknown) => void }>();
  readonly #post: (message: Message) => void;

  /** @param post sends a message to the page */
  constructor(post: (message: Message) => void) {
    this.#post = post;
  }

  /** Like the global `fetch`; what has been answered ends with its body's stream, not with the signal. */
  readonly fetch: Fetch = (url, { signal, headers }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const ticket = (this.#tickets += 1);
      const giveUp = () => {
        this.#open.delete(ticket);
        this.#post({ type: "fetch-abort", ticket });
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      const settled = () => signal.removeEventListener("abort", giveUp);
      this.#open.set(ticket, {
        resolve: (response) => (settled(), resolve(response)),
        reject: (error) => (settled(), reject(error as Error)),
      });
      this.#post({ type: "fetch", ticket, url, ...(headers && { headers }) });
    });

  /** Takes the page's answer. */
  settle(answer: Answer): void {
    const waiting = this.#open.get(answer.ticket);
    this.#open.delete(answer.ticket);
    if (!waiting) return;
    if (answer.type === "fetch-failed") return waiting.reject(fromWireError(answer.error));
    const { status, headers, body, url } = answer;
    const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) };
    const response = new Response(WITHOUT_BODY.has(status) ? null : body, init);
    // A response that was made has no address of its own; this one's tells how far it was redirected.
    waiting.resolve(Object.defineProperty(response, "url", { value: url }));
  }
}
