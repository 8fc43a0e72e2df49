/** A collection's worker that fails: nothing waits forever, and no row is given up that may still be there. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { Embeddings } from "../../target/web/search/embeddings.js";
import { inPlace } from "../../target/web/search/in_place.js";
import type { SearchCalls } from "../../target/web/search/protocol.js";
import { searchServer } from "../../target/web/search/server.js";
import type { RpcRequest } from "../../target/web/shared/rpc.js";

/** A worker in place, whose answers can be spoilt. */
class FakeWorker {
  static last: FakeWorker;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  onerror: ((event: { message: string; preventDefault?: () => void }) => void) | null = null;
  terminated = false;
  unreadable = false;
  readonly #server = searchServer((message) => {
    if (this.unreadable) this.onmessageerror?.();
    else this.onmessage?.({ data: message });
  });

  constructor() {
    FakeWorker.last = this;
  }

  postMessage(message: RpcRequest<SearchCalls>): void {
    if (!this.terminated) this.#server.handle(message);
  }

  terminate(): void {
    this.terminated = true;
  }
}

/** A collection with two embeddings in a fake worker. */
async function collection() {
  vi.stubGlobal("Worker", FakeWorker);
  const photos = new Embeddings<string>();
  await photos.addMany(["a", "b"], Float32Array.of(1, 0, 0, 1));
  return { photos, worker: FakeWorker.last };
}

afterEach(() => vi.unstubAllGlobals());

describe("a collection's worker", () => {
  it("that throws goes on with its rows", async () => {
    const { photos, worker } = await collection();
    const pending = photos.search(Float32Array.of(1, 0), 1);
    worker.onerror?.({ message: "thrown by a test" });
    expect(await pending).toEqual([{ id: "a", score: 1 }]);
    expect(await photos.get("b")).toEqual(Float32Array.of(0, 1));
    expect(worker.terminated).toBe(false);
  });

  it("whose answer can't be read keeps the rows that are certain", async () => {
    const { photos, worker } = await collection();
    worker.unreadable = true;
    await expect(photos.add("c", Float32Array.of(1, 1))).rejects.toMatchObject({ code: "worker-crashed" });
    worker.unreadable = false;
    expect(photos.ids()).toEqual(["a", "b"]);
    expect((await photos.search(Float32Array.of(1, 1))).map(({ id }) => id)).toEqual(["a", "b"]);
    await photos.add("c", Float32Array.of(1, 1));
    expect((await photos.search(Float32Array.of(1, 1), 1))[0]).toMatchObject({ id: "c" });
  });

  it("that did not get a background is sent it again", async () => {
    const { photos, worker } = await collection();
    await photos.addMany(Array.from({ length: 20 }, (_, i) => `${i}`), Array.from({ length: 20 }, (_, i) => [1, i]));
    const relevance = { queries: [[1, 0], [0, 1]], least: -Infinity };
    const send = worker.postMessage.bind(worker);
    worker.postMessage = (message) => {
      if (message.type === "background") throw new Error("refused by a test");
      send(message);
    };
    await expect(photos.search([1, 1], 1, { relevance })).rejects.toMatchObject({ message: expect.stringContaining("refused by a test") });
    worker.postMessage = send;
    expect((await photos.search([1, 1], 1, { relevance }))[0]).toHaveProperty("relevance");
  });

  it("that never starts fails every call", async () => {
    vi.stubGlobal("Worker", FakeWorker);
    const photos = new Embeddings<string>();
    const worker = FakeWorker.last;
    worker.postMessage = () => undefined;
    const pending = photos.add("a", Float32Array.of(1, 0));
    worker.onerror?.({ message: "404" });
    await expect(pending).rejects.toMatchObject({ code: "worker-crashed", message: expect.stringMatching(/could not be started.*404/) });
    await expect(photos.search(Float32Array.of(1, 0))).rejects.toMatchObject({ code: "worker-crashed" });
    expect(worker.terminated).toBe(true);
  });
});

describe("where there are no workers", () => {
  it("a collection says what to do, and works in place then", async () => {
    expect(() => new Embeddings()).toThrow(expect.objectContaining({ code: "unsupported-browser", message: expect.stringMatching(/search\/in-place/) }));
    const photos = new Embeddings<string>({ worker: inPlace });
    await photos.addMany(["a", "b"], Float32Array.of(1, 0, 0, 1));
    expect(await photos.search(Float32Array.of(0, 2), 1)).toEqual([{ id: "b", score: 1 }]);
    const again = await Embeddings.load(await photos.toBlob(), { worker: inPlace });
    expect(again.ids()).toEqual(["a", "b"]);
    const pending = photos.search(Float32Array.of(0, 2));
    photos.close();
    await expect(pending).rejects.toMatchObject({ code: "closed" });
  });
});
