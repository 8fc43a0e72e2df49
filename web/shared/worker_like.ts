/** A worker, as far as the package looks: the browser's, a thread of Node's, or one of a test's; and why one does not start. */

import { ClipVisionError, messageOf } from "./errors.js";

/** The part of `Worker` that is used. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  /** Whether an error that nobody caught ends it: a thread of Node's, but not a browser's worker. */
  readonly diesOfErrors?: boolean;
  /** What a person is told of where its script is. */
  readonly where?: string;
}

/**
 * Starts a worker.
 *
 * @throws {@link ClipVisionError} `worker-crashed` if that fails at once
 */
export function started(createWorker: () => WorkerLike): WorkerLike {
  try {
    return createWorker();
  } catch (cause) {
    if (cause instanceof ClipVisionError) throw cause;
    throw new ClipVisionError("worker-crashed", startFailure("The worker", { message: messageOf(cause) }, {}), { cause });
  }
}

/** What the first error of a worker means that has said nothing yet. */
export function startFailure(who: string, { message }: { message: string }, { where }: { where?: string }): string {
  const reasons = "its file is missing or not a JavaScript module, or a Content Security Policy (worker-src) blocks it";
  return `${who} could not be started (${where ? `${where}; ` : ""}${reasons})${message ? `: ${message}` : ""}`;
}
