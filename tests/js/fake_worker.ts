/** A worker that is a script of the test's, and a client of such workers. */

import { expect } from "vitest";
import { Client, type ClientOptions } from "../../web/page/client.ts";
import { VERSION, type CallRequest, type WireEmbedding, type Request, type Response as Message, type WirePhoto } from "../../web/shared/protocol.ts";
import type { WorkerLike } from "../../web/shared/worker_like.ts";
import { load } from "./fake_host.ts";
import { text } from "./fakes.ts";

/** A worker that does what a test tells it to. */
export class FakeWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  onerror: WorkerLike["onerror"] = null;
  terminated = false;
  /** Computes without end: it gets messages, and does nothing about them. */
  stuck = false;
  readonly received: Request[] = [];
  /** Called for each message; answers with `this.send`. */
  script: (message: Request, worker: FakeWorker) => void;

  constructor(script: FakeWorker["script"]) {
    this.script = script;
  }

  postMessage(message: Request, transfer: Transferable[]): void {
    const cloned = structuredClone(message, { transfer: transfer as never });
    this.received.push(cloned);
    queueMicrotask(() => !this.terminated && !this.stuck && this.script(cloned, this));
  }

  send(message: Message, transfer: Transferable[] = []): void {
    this.onmessage?.({ data: structuredClone(message, { transfer: transfer as never }) } as MessageEvent);
  }

  terminate(): void {
    this.terminated = true;
  }
}

export const LOADED = { task: "photos and texts", dimension: 2, imageSize: 8, scores: "softmax", precision: "f32", weights: "model.safetensors", device: "wasm", simd: "simd128", threads: 1, bytes: 9, batch: 1 } as const;

export const photo = (content: string): WirePhoto => ({ kind: "encoded", bytes: text(content) });
export const contentOf = (request: CallRequest): string =>
  (request.type === "embed" || request.type === "tensor") && request.argument.kind === "encoded"
    ? new TextDecoder().decode(request.argument.bytes)
    : "";
export const details = (value: number): WireEmbedding => ({
  embedding: Float32Array.of(value),
  timings: { decode: 0, preprocess: 0, forward: 0 },
  decoder: "rust",
  width: 1,
  height: 1,
});

/** A client whose workers load at once, listen to what is canceled unless they are `stuck`, and leave the rest to `script`. */
export function clientWith(
  script: (request: CallRequest, worker: FakeWorker) => void = () => undefined,
  times: Pick<ClientOptions, "startTimeout" | "cancelTimeout"> = {},
) {
  const workers: FakeWorker[] = [];
  const client = new Client({
    load: load(),
    ...times,
    createWorker: () => {
      const worker = new FakeWorker((message: Request) => {
        if (message.type === "load") {
          worker.send({ type: "hello", version: VERSION });
          worker.send({ type: "progress", id: message.id, progress: { stage: "weights", file: "w", loaded: 1, overall: 0 } });
          worker.send({ type: "done", id: message.id, result: LOADED });
        } else if (message.type === "cancel") {
          worker.send({ type: "canceled", id: message.id });
        } else if (message.type === "embed" || message.type === "tensor") {
          script(message, worker);
        }
      });
      workers.push(worker);
      return worker;
    },
  });
  const embed = (content: string, signal?: AbortSignal) => client.call("embed", photo(content), [], { signal });
  return { client, workers, embed };
}

export const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable("it should have been rejected"),
    (error: unknown) => error,
  );
