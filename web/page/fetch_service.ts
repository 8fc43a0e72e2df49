/** The page's end of `fetch` through the page (`worker/page_fetch.ts`). */

import { toWireError } from "../shared/errors.js";
import type { Fetch } from "../shared/files.js";
import type { Request } from "../shared/protocol.js";

/** Calls the application's function and hands the answer over. */
export class FetchService {
  readonly #running = new Map<number, AbortController>();
  readonly #fetch: Fetch;
  readonly #post: (message: Request, transfer: Transferable[]) => void;

  /**
   * @param fetch the application's function
   * @param post sends a message to the worker
   */
  constructor(fetch: Fetch, post: (message: Request, transfer: Transferable[]) => void) {
    this.#fetch = fetch;
    this.#post = post;
  }

  /** Answers a request of the worker's. Never rejects. */
  async answer(ticket: number, url: string, requested?: Record<string, string>): Promise<void> {
    const controller = new AbortController();
    this.#running.set(ticket, controller);
    try {
      const init = { signal: controller.signal, ...(requested && { headers: requested }) };
      const response = await this.#fetch(url, init);
      if (controller.signal.aborted) return void response.body?.cancel().catch(() => undefined);
      const { status, headers, body } = response;
      const answer = { type: "fetched", ticket, url: response.url || url, status, headers: [...headers] } as const;
      try {
        this.#post({ ...answer, body }, body ? [body] : []);
      } catch {
        // Safari does not transfer streams: the whole body, which the browser may keep on disk, goes by reference.
        this.#post({ ...answer, body: await response.blob() }, []);
      }
    } catch (error) {
      if (!controller.signal.aborted) this.#post({ type: "fetch-failed", ticket, error: toWireError(error) }, []);
    } finally {
      this.#running.delete(ticket);
    }
  }

  /** The worker no longer wants the answer. */
  abort(ticket: number): void {
    this.#running.get(ticket)?.abort();
  }

  /** The worker is gone. */
  abortAll(): void {
    for (const controller of this.#running.values()) controller.abort();
  }
}
