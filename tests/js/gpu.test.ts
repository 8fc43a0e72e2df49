/** What becomes of calls when a GPU is refused or fails: none is lost, and the page hears why. The GPU is a stand-in; real ones are tests/browser/gpu.spec.ts. */

import { describe, expect, it, vi } from "vitest";
import { gpuFailure } from "../../web/shared/gpu_failure.ts";
import type { GpuRefusal, LoadedModel, Response as Message, WireLoad, WirePhoto, WirePrepared } from "../../web/shared/protocol.ts";
import type { LoadHost } from "../../web/worker/loading.ts";
import { nameOf } from "../../web/worker/gpu/adapter.ts";
import { Verdicts } from "../../web/worker/gpu/verdicts.ts";
import { MemoryStore, MODEL, dispatcherWith, load, machine, type Served } from "./fake_host.ts";
import { text, type FakeLoader, type FakePrepared } from "./fakes.ts";

const INFO = { vendor: "fake", architecture: "none", cosine: 1, gpuTime: 1, wasmTime: 2 };
const encoded = (content: string): WirePhoto => ({ kind: "encoded", bytes: text(content) });
const TOKENIZER: Record<string, Served> = { "https://models.test/m/tokenizer.json": { body: "{words}" } };

/** A GPU that fails when it is told to, and otherwise embeds a photo as [-its first byte, its length], and a text as [-its first token, its length]. */
class FakeGpu {
  /** Why it refuses, and at which moment. */
  refuses: { at: "choose" | "towers"; why: GpuRefusal } | undefined;
  /** Its failure, once it is lost. */
  lost: GpuRefusal | undefined;
  /** Photos of each pass. */
  readonly passes: number[] = [];
  readonly taken: FakeLoader[] = [];
  closed = 0;
  /** Called in the middle of each pass. */
  during: (() => void | Promise<void>) | undefined;

  readonly script = async (): ReturnType<LoadHost["gpu"]> => {
    const gpu = this;
    const pass = async <T>(work: () => T): Promise<T> => {
      if (gpu.lost) throw gpuFailure(gpu.lost, "lost before");
      await gpu.during?.();
      if (gpu.lost) throw gpuFailure(gpu.lost, "lost meanwhile");
      return work();
    };
    const towers = {
      info: INFO,
      batch: 4,
      photos: (photos: readonly FakePrepared[]) =>
        pass(() => (gpu.passes.push(photos.length), Float32Array.from(photos.flatMap(({ bytes }) => [-bytes[0]!, bytes.length])))),
      texts: (ids: Uint32Array, lengths: Uint32Array) =>
        pass(() => {
          let at = 0;
          return Float32Array.from([...lengths].flatMap((length) => [-ids[(at += length) - length]!, length]));
        }),
      close: () => void (gpu.closed += 1),
    };
    const refuse = (at: "choose" | "towers") => {
      if (gpu.refuses?.at === at) throw gpuFailure(gpu.refuses.why, `refused at ${at}`);
    };
    const Loading = class {
      readonly info = INFO;
      async choose() {
        refuse("choose");
      }
      take(loader: FakeLoader) {
        gpu.taken.push(loader);
      }
      async towers() {
        refuse("towers");
        return towers;
      }
      hasText() {}
      close() {
        gpu.closed += 1;
      }
    };
    return { adapter: {}, Loading } as never;
  };
}

/** A worker that has loaded a model, on a GPU if that is to be had. */
async function loaded(change: Partial<WireLoad> = {}, prepare: (gpu: FakeGpu) => void = () => undefined) {
  const gpu = new FakeGpu();
  prepare(gpu);
  const { loading } = dispatcherWith().host;
  const all = dispatcherWith({ ...MODEL, ...TOKENIZER }, { loading: { ...loading, gpu: gpu.script } });
  const answer = await all.call({ type: "load", id: 1, argument: load({ device: "auto", ...change }) });
  const reloaded = () => all.posted.flatMap((one) => (one.type === "reloaded" ? [one.model] : []));
  const warnings = () => all.posted.flatMap((one) => (one.type === "warning" ? [one.warning.code] : []));
  return { ...all, gpu, answer, reloaded, warnings };
}

const model = (answer: Message): LoadedModel => (answer as { result: LoadedModel }).result;
const embedding = (answer: Message): number[] => Array.from((answer as { result: { embedding: Float32Array } }).result.embedding);

describe("a load", () => {
  it("takes the GPU, and says so", async () => {
    const { answer, engine, gpu, call } = await loaded();
    expect(model(answer)).toMatchObject({ device: "webgpu", gpu: INFO, batch: 4 });
    expect(model(answer)).not.toHaveProperty("why");
    expect(engine.options).toMatchObject({ plans: true });
    expect(gpu.taken.length).toBeGreaterThan(0);
    expect(embedding(await call({ type: "embed", id: 2, argument: encoded("A") }))).toEqual([-65, 1]);
    expect(engine.model.held).toBe(0);
  });

  it("begins few calls at a time: `latest()` may replace those that wait for it", async () => {
    const { dispatcher, settled, posted, gpu } = await loaded();
    let finish = (): void => undefined;
    gpu.during = () => new Promise<void>((resolve) => (finish = resolve));
    [2, 3, 4, 5].forEach((id) => dispatcher.handle({ type: "embed", id, argument: encoded("A") }));
    const started = (): number[] => posted.flatMap((one) => (one.type === "started" ? [one.id] : []));
    await vi.waitFor(() => expect(started()).toEqual([2, 3])); // one on the GPU, and one that is prepared
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(started()).toEqual([2, 3]);
    gpu.during = undefined;
    finish();
    await Promise.all([2, 3, 4, 5].map((id) => settled(id)));
    expect(started()).toEqual([2, 3, 4, 5]);
  });

  it("asks for no GPU where none is wanted", async () => {
    const { answer, gpu, engine } = await loaded({ device: "wasm" });
    expect(model(answer)).toMatchObject({ device: "wasm", batch: 1 });
    expect([gpu.taken.length, gpu.closed]).toEqual([0, 0]);
    expect(engine.options).not.toHaveProperty("plans");
  });

  it.each<["choose" | "towers", GpuRefusal]>([["choose", "slower"], ["choose", "no-adapter"], ["towers", "wrong-numbers"], ["towers", "out-of-memory"]])(
    "goes on without it where it is refused, at %s: %s",
    async (at, why) => {
      const { answer, call, gpu, engine } = await loaded({}, (fake) => (fake.refuses = { at, why }));
      expect(model(answer)).toMatchObject({ device: "wasm", why, gpu: INFO, batch: 1 });
      expect(gpu.closed).toBe(1);
      expect(engine.options).not.toHaveProperty("plans");
      expect(embedding(await call({ type: "embed", id: 2, argument: encoded("A") }))).toEqual([65, 1]);
    },
  );

  it.each<"choose" | "towers">(["choose", "towers"])("is refused where nothing else is wanted: %s", async (at) => {
    const { answer } = await loaded({ device: "webgpu" }, (fake) => (fake.refuses = { at, why: "wrong-numbers" }));
    expect(answer).toMatchObject({ type: "failed", error: { code: "gpu", message: expect.stringMatching(/wrong-numbers.*refused at/) } });
  });

  it("goes on without it where its script can't be fetched", async () => {
    const { loading } = dispatcherWith().host;
    const gpu = () => Promise.reject(new Error("gpu.js is not there"));
    const { call } = dispatcherWith(MODEL, { loading: { ...loading, gpu } });
    expect(model(await call({ type: "load", id: 1, argument: load({ device: "auto" }) }))).toMatchObject({ device: "wasm", why: "failed" });
  });

  it("that the GPU refuses at its end comes from the cache the second time", async () => {
    const gpu = new FakeGpu();
    gpu.refuses = { at: "towers", why: "wrong-numbers" };
    const { page } = machine();
    const { answers, fetched } = await page({ device: "auto" }, { gpu: gpu.script });
    expect(model(answers[0]!)).toMatchObject({ device: "wasm", why: "wrong-numbers" });
    expect(fetched.filter((url) => url.endsWith("model.safetensors"))).toHaveLength(1);
  });
});

describe("a GPU that is lost", () => {
  it("loses no photo: those under way and those after it are computed in WebAssembly, and the page hears of it once", async () => {
    const { call, gpu, engine, reloaded, warnings } = await loaded();
    gpu.during = () => void (gpu.lost = "lost");
    const all = await Promise.all(["A", "BB", "CCC"].map((content, index) => call({ type: "embed", id: 2 + index, argument: encoded(content) })));
    expect(all.map(embedding)).toEqual([[65, 1], [66, 2], [67, 3]]);
    expect(embedding(await call({ type: "embed", id: 9, argument: encoded("D") }))).toEqual([68, 1]);
    expect(reloaded()).toMatchObject([{ device: "wasm", why: "lost", gpu: INFO }]);
    expect(warnings()).toEqual(["gpu-failed"]);
    expect(engine.model.held).toBe(0);
    expect(engine.loaders).toHaveLength(2);
  });

  it("loses none of many", async () => {
    const { dispatcher, settled, gpu, engine } = await loaded();
    let passes = 0;
    gpu.during = () => void ((passes += 1) === 2 && (gpu.lost = "out-of-memory"));
    const contents = Array.from({ length: 11 }, (_, index) => "x".repeat(index + 1));
    contents.forEach((content, index) => dispatcher.handle({ type: "embedOneOfMany", id: 2 + index, argument: encoded(content) }));
    const answers = await Promise.all(contents.map((_, index) => settled(2 + index)));
    expect(answers.map((answer) => embedding(answer)[1])).toEqual(contents.map(({ length }) => length));
    expect(gpu.passes.length).toBe(1);
    expect(engine.model.held).toBe(0);
  });

  it("loses no text, and no label", async () => {
    const { call, gpu, reloaded } = await loaded();
    const texts = ["dog", "cat"];
    expect(await call({ type: "embedTexts", id: 2, argument: texts })).toMatchObject({ result: [Float32Array.of(-100, 3), Float32Array.of(-99, 3)] });
    gpu.lost = "lost";
    expect(await call({ type: "embedTexts", id: 3, argument: texts })).toMatchObject({ result: [Float32Array.of(100, 3), Float32Array.of(99, 3)] });
    expect(reloaded()).toHaveLength(1);
    const classified = await call({ type: "classify", id: 4, argument: { photo: encoded("A"), prompts: texts } });
    expect(classified).toMatchObject({ result: Float32Array.of(165, 164) });
  });

  it("between the labels and the photo leaves a model that has its texts", async () => {
    const { call, gpu } = await loaded();
    gpu.during = () => void (gpu.passes.length === 0 && gpu.taken.length > 2 && (gpu.lost = "lost"));
    const classified = await call({ type: "classify", id: 4, argument: { photo: encoded("A"), prompts: ["dog"] } });
    expect(classified).toMatchObject({ type: "done" });
  });

  it("is asked once more for each call where the model can't be loaded again, which is what the call rejects with", async () => {
    const served: Record<string, Served> = { ...MODEL };
    const gpu = new FakeGpu();
    const { loading } = dispatcherWith().host;
    const { call } = dispatcherWith(served, { loading: { ...loading, gpu: gpu.script } });
    await call({ type: "load", id: 1, argument: load({ device: "webgpu" }) });
    gpu.lost = "lost";
    served["https://models.test/m/model.safetensors"] = { status: 503 };
    expect(await call({ type: "embed", id: 2, argument: encoded("A") })).toMatchObject({ type: "failed", error: { code: "fetch" } });
    served["https://models.test/m/model.safetensors"] = MODEL["https://models.test/m/model.safetensors"]!;
    expect(embedding(await call({ type: "embed", id: 3, argument: encoded("A") }))).toEqual([65, 1]);
  });
});

describe("canceling", () => {
  it("frees a photo that waits for the GPU, and one that it computes", async () => {
    const { dispatcher, call, gpu, engine } = await loaded();
    let finish = (): void => undefined;
    gpu.during = () => new Promise<void>((resolve) => (finish = resolve));
    for (const id of [2, 3]) dispatcher.handle({ type: "embed", id, argument: encoded("A") });
    while (engine.model.held < 2) await new Promise((resolve) => setTimeout(resolve));
    for (const id of [2, 3]) dispatcher.handle({ type: "cancel", id });
    gpu.during = undefined;
    finish();
    expect(embedding(await call({ type: "embed", id: 4, argument: encoded("B") }))).toEqual([-66, 1]);
    expect(engine.model.held).toBe(0);
  });
});

describe("photos that another worker prepares", () => {
  it("are computed as those of this one", async () => {
    const { call, engine } = await loaded();
    const settings = (await call({ type: "settings", id: 2, argument: undefined })) as { result: { config: Uint8Array } };
    expect(settings.result).toEqual({ config: text("{}") });
    const other = dispatcherWith();
    expect(await other.call({ type: "load", id: 1, argument: load({ preparing: settings.result }) })).toMatchObject({ type: "done" });
    const prepared = (await other.call({ type: "prepare", id: 2, argument: encoded("AB") })) as unknown as { result: WirePrepared };
    expect(prepared.result).toMatchObject({ pixels: { data: Float32Array.of(65, 66) }, decoder: "rust", width: 4, height: 5 });
    expect(other.fetched).toEqual([]);
    const answer = await call({ type: "embedPrepared", id: 3, argument: prepared.result });
    expect(answer).toMatchObject({ result: { embedding: Float32Array.of(-65, 2), decoder: "rust", width: 4, height: 5, timings: { decode: 1, preprocess: 2 } } });
    expect([engine.model.held, other.engine.model.held]).toEqual([0, 0]);
  });
});

describe("an adapter", () => {
  /** As browsers have it: what it says stands in its prototype. */
  const adapter = (says: object): GPUAdapter => Object.create(Object.create(null, Object.fromEntries(Object.entries(says).map(([name, value]) => [name, { get: () => value }])))) as GPUAdapter;
  const NAMELESS = { vendor: "", architecture: "", device: "", description: "", isFallback: false };

  it.each<[string, object, object]>([
    ["of today", { info: { vendor: "apple", architecture: "metal-3", isFallbackAdapter: true } }, { vendor: "apple", architecture: "metal-3", isFallback: true }],
    ["that says itself that it is software", { info: { vendor: "google" }, isFallbackAdapter: true }, { vendor: "google", isFallback: true }],
    ["without a name", { isFallbackAdapter: false }, {}],
    ["that says nothing", {}, {}],
  ])("%s is told by what it says", (_, says, expected) => {
    expect(nameOf(adapter(says))).toEqual({ ...NAMELESS, ...expected });
  });
});

describe("verdicts", () => {
  it("are kept, the latest of them, and a damaged file is none", async () => {
    const store = new MemoryStore();
    const verdict = { cosine: 1, gpuTime: 1, wasmTime: 2 };
    const about = (key: string) => new Verdicts(store, key);
    expect(await about("a").get()).toBeUndefined();
    for (let index = 0; index < 40; index += 1) await about(`key ${index}`).set({ ...verdict, gpuTime: index });
    await about("key 39").set({ ...verdict, why: "slower" });
    expect(await about("key 39").get()).toEqual({ ...verdict, why: "slower" });
    expect(await about("key 38").get()).toMatchObject({ gpuTime: 38 });
    expect(await about("key 0").get()).toBeUndefined();
    for (const damaged of ['[["key 38", {"cosine": 1', '{"key 38": 7}', '[["key 38", {"cosine": "1"}], 7]', "null"]) {
      store.files.set("gpu.json", text(damaged));
      expect(await about("key 38").get(), damaged).toBeUndefined();
    }
    store.room = 0;
    await about("key").set(verdict);
    expect(await new Verdicts(undefined, "key").get()).toBeUndefined();
  });
});
