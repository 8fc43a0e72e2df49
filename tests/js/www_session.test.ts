// The demo's queue, with an engine whose answers the test gives: order, errors, cancelling, removal, change of model.

import type { EmbeddingDetails, LoadProgress, ClipVisionInfo } from "clip-vision";
import { ClipVisionError } from "clip-vision";
import { beforeEach, expect, test, vi } from "vitest";
import { BUNDLED, type HubModel } from "../../www/src/model_source.ts";
import { type Engine, type OpenOptions, Session } from "../../www/src/session.ts";

const INFO = { model: "m", dimension: 2, imageSize: 8, precision: "f32", simd: "simd128", threads: 1, bytes: 9 } as ClipVisionInfo;
const HUB: HubModel = { kind: "hub", label: "a/b", id: "a/b" };
const details = (value: number): EmbeddingDetails => ({
  embedding: Float32Array.of(value, 0),
  timings: { decode: 1, preprocess: 1, forward: 1 },
  model: "m",
  decoder: "rust",
  width: 4,
  height: 3,
});

/** An engine that keeps every call open until the test settles it; an abort settles it, too. */
class FakeEngine implements Engine {
  readonly info = INFO;
  readonly calls: { name: string; answer: (value: number) => void; fail: (error: unknown) => void }[] = [];
  closed = false;
  embed(photo: Blob, signal: AbortSignal): Promise<EmbeddingDetails> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      this.calls.push({ name: (photo as File).name, answer: (value) => resolve(details(value)), fail: reject });
    });
  }
  embedText(): Promise<Float32Array> {
    return Promise.reject(new Error("no text is asked for here"));
  }
  classify(): Promise<never> {
    return Promise.reject(new Error("no labels are asked for here"));
  }
  close(): void {
    this.closed = true;
  }
}

let opened: { options: OpenOptions; resolve: (engine: Engine) => void; reject: (error: unknown) => void }[];
let session: Session;
beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  opened = [];
  session = new Session((_source, options) => new Promise((resolve, reject) => opened.push({ options, resolve, reject })));
});

const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
const file = (name: string): File => new File([name], name);
const states = (): string[] => session.photos.map(({ state }) => state.kind);
const load = async (): Promise<FakeEngine> => {
  const engine = new FakeEngine();
  void session.choose(BUNDLED);
  opened.at(-1)?.resolve(engine);
  await settle();
  return engine;
};

test("photos wait for a model and are embedded in order, one at a time", async () => {
  session.add([file("a"), file("b")]);
  expect(states()).toEqual(["waiting", "waiting"]);
  const engine = await load();
  expect(engine.calls.map(({ name }) => name)).toEqual(["a"]);
  expect(session.batch).toEqual({ done: 0, total: 2 });
  engine.calls[0]?.answer(1);
  await settle();
  expect(states()).toEqual(["done", "computing"]);
  expect(session.batch).toEqual({ done: 1, total: 2 });
  engine.calls[1]?.answer(2);
  await settle();
  expect(states()).toEqual(["done", "done"]);
  expect(session.batch).toBeNull();
});

test("one bad photo says so and spoils nothing", async () => {
  const engine = await load();
  session.add([file("a.txt"), file("b")]);
  engine.calls[0]?.fail(new ClipVisionError("unsupported-format", "not a photo"));
  await settle();
  expect(session.photos[0]?.state).toMatchObject({
    kind: "failed",
    complaint: { sentence: expect.stringMatching(/not a photo/), detail: "not a photo" },
  });
  engine.calls[1]?.answer(1);
  await settle();
  expect(states()).toEqual(["failed", "done"]);
});

test("a canceled batch keeps what is done and can be resumed", async () => {
  const engine = await load();
  session.add([file("a"), file("b"), file("c")]);
  engine.calls[0]?.answer(1);
  await settle();
  session.cancelBatch();
  await settle();
  expect(states()).toEqual(["done", "canceled", "canceled"]);
  expect(session.batch).toBeNull();
  session.resume();
  await settle();
  expect(engine.calls.map(({ name }) => name)).toEqual(["a", "b", "b"]);
  expect(session.batch).toEqual({ done: 0, total: 2 });
});

test("removing the photo that is computed goes on with the next", async () => {
  const engine = await load();
  session.add([file("a"), file("b")]);
  session.remove(session.photos[0]!);
  await settle();
  expect(engine.calls.map(({ name }) => name)).toEqual(["a", "b"]);
  session.clear();
  await settle();
  expect(session.photos).toEqual([]);
  expect(session.batch).toBeNull();
});

test("another model embeds every photo again, and the old one is closed", async () => {
  const first = await load();
  session.add([file("a"), file("b")]);
  first.calls[0]?.answer(1);
  await settle(); // b is under way
  void session.choose(HUB);
  expect(session.model?.source).toBe(BUNDLED); // until the new one is there
  const second = new FakeEngine();
  opened.at(-1)?.resolve(second);
  await settle();
  expect(first.closed).toBe(true);
  expect(session.model?.source).toBe(HUB);
  expect(second.calls.map(({ name }) => name)).toEqual(["a"]);
  second.calls[0]?.answer(3);
  await settle();
  second.calls[1]?.answer(4);
  await settle();
  expect(session.photos.map(({ state }) => state.kind === "done" && state.details.embedding[0])).toEqual([3, 4]);
});

test("a load reports its progress, and a failed one leaves the model in use", async () => {
  await load();
  void session.choose(HUB);
  const progress: LoadProgress = { stage: "weights", file: "model.safetensors", loaded: 5, total: 10, overall: 0.5 };
  opened.at(-1)?.options.onProgress(progress);
  expect(session.loading).toMatchObject({ source: HUB, progress });
  opened.at(-1)?.reject(new ClipVisionError("fetch", "HTTP 404"));
  await settle();
  expect(session.loading).toBeNull();
  expect(session.complaint).toEqual({ sentence: expect.stringMatching(/^“a\/b” could not be downloaded/), detail: "HTTP 404" });
  expect(session.model?.source).toBe(BUNDLED);
});

test("a canceled load is aborted without a complaint; a model that comes all the same is closed", async () => {
  void session.choose(HUB);
  session.cancelLoading();
  expect(opened[0]?.options.signal.aborted).toBe(true);
  const late = new FakeEngine();
  opened[0]?.resolve(late);
  await settle();
  expect(late.closed).toBe(true);
  expect([session.loading, session.complaint, session.model]).toEqual([null, null, null]);
});

test("the last of two choices counts", async () => {
  void session.choose(HUB);
  const engine = await load();
  expect(opened[0]?.options.signal.aborted).toBe(true);
  opened[0]?.reject(opened[0].options.signal.reason);
  await settle();
  expect(session.model?.source).toBe(BUNDLED);
  expect(session.complaint).toBeNull();
  expect(engine.closed).toBe(false);
});
