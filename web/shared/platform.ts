/**
 * What differs where there is no page: Node's entry (`node/index.ts`) puts its own in the browser's place, so that no
 * module that a browser loads, or a bundler reads for one, ever names a module of Node's.
 */

import type { Store } from "./store.js";
import type { WorkerLike } from "./worker_like.js";

/** A place to run in, other than a browser. */
export interface Platform {
  /** Starts a worker, by the application's own function if it has one. */
  createWorker(own: (() => unknown) | undefined): WorkerLike;
  /** The same of a collection's worker. */
  createSearchWorker(own: (() => unknown) | undefined): WorkerLike;
  /** Whether there is a folder or a file of this path. */
  exists(path: string): boolean;
  /** The address of a file, by its path. */
  fileUrl(path: string): URL;
  /** Reads addresses, those of files among them. */
  fetch(url: string, init: { signal?: AbortSignal }): Promise<Response>;
  /** The Blob, or, of one that is not the platform's own and can't be sent to a thread (jsdom's), a copy that is. */
  ownBlob(blob: Blob): Promise<Blob>;
  /** Opens the store of cached models; rejects where there is none. */
  openStore(): Promise<Store>;
  /** Says that a signal has many listeners, and no leak. */
  expectListeners(signal: AbortSignal): void;
}

let current: Platform | undefined;

/** The place that this is; nothing in a browser. */
export const platform = (): Platform | undefined => current;

/** Called once, before anything else of the package is. */
export function setPlatform(place: Platform): void {
  current = place;
}
