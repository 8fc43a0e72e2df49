/**
 * A collection's worker that is none: `clip-vision/search/in-place`, for places without workers, as a service worker is. Its
 * searches run where they are asked for.
 *
 * ```ts
 * import { Embeddings } from "clip-vision/search";
 * import { inPlace } from "clip-vision/search/in-place";
 *
 * const photos = await Embeddings.load("/photos.clip-vision", { worker: inPlace });
 * ```
 *
 * A module of its own: whoever has workers loads none of what they load.
 *
 * @packageDocumentation
 */

import type { RpcRequest } from "../shared/rpc.js";
import type { WorkerLike } from "../shared/worker_like.js";
import type { SearchCalls } from "./protocol.js";
import { searchServer } from "./server.js";

/** Starts one: the option `worker` of a collection. */
export function inPlace(): WorkerLike {
  const worker: WorkerLike = {
    onmessage: null,
    onmessageerror: null,
    onerror: null,
    postMessage: (message) => server.handle(message as RpcRequest<SearchCalls>),
    terminate: () => server.stop(),
  };
  const server = searchServer((data) => worker.onmessage?.({ data } as MessageEvent));
  return worker;
}
