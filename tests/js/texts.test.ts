import { describe, expect, it } from "vitest";
import { leave, left } from "../../web/shared/later_scripts.ts";
import { VERSION, type LoadProgress, type Response as Message, type WirePhoto } from "../../web/shared/protocol.ts";
import { Shared } from "../../web/shared/waiting.ts";
import { MODEL, dispatcherWith, load, type Served } from "./fake_host.ts";
import { text } from "./fakes.ts";

const at = (file: string, served: Served): Record<string, Served> => ({ [`https://models.test/m/${file}`]: served });
const photo: WirePhoto = { kind: "encoded", bytes: text("A!") };
const TOKENIZER = at("tokenizer.json", { body: "{}" });

/** A dispatcher with a loaded model; what it has fetched by then is forgotten. */
async function loaded(served: Record<string, Served> = TOKENIZER) {
  const files: Record<string, Served> = { ...MODEL, ...served };
  const all = dispatcherWith(files);
  await all.call({ type: "load", id: 1, argument: load() });
  all.fetched.length = 0;
  return { ...all, files, model: all.engine.model };
}

const failure = (message: Message) => (message as Extract<Message, { type: "failed" }>).error;
const result = (message: Message) => [...(message as { result: Float32Array }).result];
const results = (message: Message) => (message as unknown as { result: Float32Array[] }).result.flatMap((one) => [...one]);

describe("texts", () => {
  it("fetch tokenizer and weights when the first is asked for, and no sooner, and once", async () => {
    const { call, fetched, model, posted } = await loaded();
    await call({ type: "embed", id: 2, argument: photo });
    expect(fetched).toEqual([]);
    const answer = await call({ type: "embedTexts", id: 3, argument: ["dog"] });
    expect(results(answer)).toEqual([100, 3]);
    expect(fetched.map((url) => url.replace(/.*\//, ""))).toEqual(["tokenizer.json", "model.safetensors"]);
    expect(model.textLoaders.map(({ pushed }) => pushed)).toEqual([[], ["weights"]]);
    expect(results(await call({ type: "embedTexts", id: 4, argument: ["a long one"] }))).toEqual([97, 4]);
    expect(fetched).toHaveLength(2);
    const progress = posted.flatMap((one) => (one.type === "progress" && one.id === 3 ? [one.progress] : []));
    expect(progress).toContainEqual<LoadProgress>({ stage: "config", file: "tokenizer.json", loaded: 2, total: 2, overall: 0 });
    expect(progress.at(-1)).toEqual({ stage: "weights", file: "model.safetensors", loaded: 7, total: 7, overall: 1 });
  });

  it("are filled up with the token that their tokenizer says, where the model's configuration says another", async () => {
    const seen = async (filling: number | undefined, padding: number | undefined) => {
      const tokenizers = async () => () => ({ ids: () => Uint32Array.of(5, 6), padding });
      const { call, engine } = dispatcherWith({ ...MODEL, ...TOKENIZER }, { tokenizers });
      const { model } = engine;
      const setText = model.setText.bind(model);
      model.setText = (loader) => ({ ...setText(loader), ...(filling !== undefined && { filling }) });
      const texts: number[][] = [];
      const startTexts = model.startTexts.bind(model);
      model.startTexts = (ids, lengths) => (texts.push([...ids]), startTexts(ids, lengths));
      await call({ type: "load", id: 1, argument: load() });
      expect(await call({ type: "embedText", id: 2, argument: "a dog" })).toMatchObject({ result: { tokens: 2 } });
      return texts;
    };
    expect(await seen(1, 9)).toEqual([[5, 6, 9, 9]]);
    for (const [filling, padding] of [[1, 1], [1, undefined], [undefined, 9]] as const) expect(await seen(filling, padding)).toEqual([[5, 6]]);
  });

  it("fetch the tokenizer's script beside the text tower, not after it", async () => {
    const order: string[] = [];
    const body = () => (order.push("weights"), new Blob(["weights"]).stream());
    const all = dispatcherWith({ ...MODEL, ...TOKENIZER, ...at("model.safetensors", { body }) }, {
      tokenizers: async () => (order.push("script"), () => ({ ids: () => Uint32Array.of(1) })),
    });
    await all.call({ type: "load", id: 1, argument: load() });
    order.length = 0;
    await all.call({ type: "embedTexts", id: 2, argument: ["dog"] });
    expect(order).toEqual(["script", "weights"]);
  });

  it("refuse a script of another release", () => {
    const scripts = { tokenizer: { version: VERSION - 1, has: {} } };
    Object.assign(globalThis, { __clipVisionLater: scripts });
    expect(left("tokenizer")).toBeUndefined();
    const has = {};
    leave("tokenizer", has);
    expect(left("tokenizer")).toBe(has);
    Reflect.deleteProperty(globalThis, "__clipVisionLater");
  });

  it("asked for at once share one download, and all hear of it", async () => {
    const { dispatcher, settled, fetched, posted } = await loaded();
    for (const id of [2, 3, 4]) dispatcher.handle({ type: "embedTexts", id, argument: [`${id}`] });
    expect(await Promise.all([2, 3, 4].map(async (id) => results(await settled(id))))).toEqual([[50, 1], [51, 1], [52, 1]]);
    expect(fetched).toHaveLength(2);
    const told = posted.flatMap((one) => (one.type === "progress" && one.progress.stage === "weights" ? [one.id] : []));
    expect([...new Set(told)].sort()).toEqual([1, 2, 3, 4]);
  });

  it("listen between two layers: one that is canceled is computed no further, and leaves nothing in memory", async () => {
    let clock = 0;
    const { call, dispatcher, engine, posted } = dispatcherWith({ ...MODEL, ...TOKENIZER }, { now: () => clock });
    const { model } = engine;
    await call({ type: "load", id: 1, argument: load() });
    await call({ type: "embedTexts", id: 2, argument: ["dog"] });
    model.layers = 10;
    model.steps = 0;
    model.onStep = () => {
      clock += 3; // milliseconds
      if (model.steps === 4) setTimeout(() => dispatcher.handle({ type: "cancel", id: 3 }));
    };
    dispatcher.handle({ type: "embedTexts", id: 3, argument: ["cat"] });
    await expect.poll(() => model.steps).toBe(6); // two layers, 6 ms, between two turns
    expect(results(await call({ type: "embedTexts", id: 4, argument: ["bird"] }))).toEqual([98, 4]);
    expect(posted.filter((message) => "id" in message && message.id === 3)).toEqual([
      { type: "started", id: 3 },
      { type: "canceled", id: 3 },
    ]);
    expect(model.steps).toBe(6 + 11);
    expect(model.held).toBe(0);
  });

  it("end the download with the last tensor that they need", async () => {
    const pieces = ["te", "xt.", "vision"];
    const body = () =>
      new ReadableStream<Uint8Array>(
        { pull: (stream) => void (pieces.length ? stream.enqueue(text(pieces.shift()!)) : stream.close()) },
        { highWaterMark: 0 },
      );
    const { call, files, model } = await loaded();
    Object.assign(files, at("model.safetensors", { body: body() }));
    await call({ type: "embedTexts", id: 2, argument: ["dog"] });
    expect(model.textLoaders.at(-1)!.pushed).toEqual(["te", "xt."]);
    expect(pieces).toEqual(["vision"]);
  });

  it("are tokenized by the older files where there is no tokenizer.json", async () => {
    const old = { ...at("vocab.json", { body: "{}" }), ...at("merges.txt", { body: "a b" }) };
    const { call } = await loaded(old);
    expect(await call({ type: "embedTexts", id: 2, argument: ["dog"] })).toMatchObject({ type: "done" });
  });

  it.each<[string, Record<string, Served>, Record<string, unknown>, RegExp]>([
    ["no tokenizer", {}, { code: "config" }, /neither tokenizer\.json, nor vocab\.json and merges\.txt, nor vocab\.txt/],
    ["half of the older files", at("vocab.json", { body: "{}" }), { code: "config" }, /no tokenizer/],
    ["a tokenizer that is none", at("tokenizer.json", { body: "bad" }), { code: "config" }, /no tokenizer/],
    ["a server that fails", at("tokenizer.json", { status: 500 }), { code: "fetch" }, /answered 500/],
  ])("fail with %s, and the next one tries again", async (_, served, error, message) => {
    const { call, files } = await loaded(served);
    const answer = await call({ type: "embedTexts", id: 2, argument: ["dog"] });
    expect(failure(answer)).toMatchObject(error);
    expect(failure(answer).message).toMatch(message);
    Object.assign(files, TOKENIZER);
    expect(await call({ type: "embedTexts", id: 3, argument: ["dog"] })).toMatchObject({ type: "done" });
  });

  it("of weights without a text tower fail, and photos go on", async () => {
    const { call, files, model } = await loaded();
    Object.assign(files, at("model.safetensors", { body: "bad" }));
    expect(failure(await call({ type: "embedTexts", id: 2, argument: ["dog"] }))).toMatchObject({ code: "weights" });
    expect(model.textLoaders.map(({ freed }) => freed)).toEqual([1, 1]);
    expect(await call({ type: "embed", id: 3, argument: photo })).toMatchObject({ type: "done" });
  });

  it("that break the engine while it reads them end the worker, with the call that broke it", async () => {
    const { call, files, engine, posted } = await loaded();
    engine.panic = "at src/model/text.rs";
    Object.assign(files, at("model.safetensors", { body: "panic" }));
    const answer = await call({ type: "embedTexts", id: 2, argument: ["dog"] });
    expect(answer).toMatchObject({ type: "crashed", id: 2, error: { code: "worker-crashed" } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(posted.filter(({ type }) => type === "crashed")).toHaveLength(1);
  });

  it("canceled by all who wait end the download; the next one begins anew", async () => {
    let canceled = 0;
    const body = () => new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined), cancel: () => void (canceled += 1) });
    const { call, dispatcher, files } = await loaded();
    Object.assign(files, at("model.safetensors", { body: body() }));
    dispatcher.handle({ type: "embedTexts", id: 2, argument: ["dog"] });
    dispatcher.handle({ type: "embedTexts", id: 3, argument: ["cat"] });
    await new Promise((resolve) => setTimeout(resolve, 20));
    dispatcher.handle({ type: "cancel", id: 2 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(canceled).toBe(0);
    // One that takes the place of another comes a moment after that has given up: the download goes on for it.
    dispatcher.handle({ type: "cancel", id: 3 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    dispatcher.handle({ type: "embedTexts", id: 5, argument: ["bird"] });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(canceled).toBe(0);
    dispatcher.handle({ type: "cancel", id: 5 });
    await expect.poll(() => canceled).toBe(1);
    Object.assign(files, at("model.safetensors", { body: "weights" }));
    expect(await call({ type: "embedTexts", id: 4, argument: ["dog"] })).toMatchObject({ type: "done" });
  });
});

describe("classify", () => {
  const classify = (id: number, prompts: string[]) => ({ type: "classify", id, argument: { photo, prompts } }) as const;

  it("answers in the labels' order, and embeds a label once", async () => {
    const { call, model } = await loaded();
    expect(result(await call(classify(2, ["b", "a", "b"])))).toEqual([98 + 65, 97 + 65, 98 + 65]);
    expect(model.batches).toEqual([2]);
    expect(result(await call(classify(3, ["c", "a"])))).toEqual([99 + 65, 97 + 65]);
    expect(model.batches).toEqual([2, 1]);
    expect(result(await call(classify(4, ["a", "b", "c"])))).toEqual([97 + 65, 98 + 65, 99 + 65]);
    expect(model.batches).toEqual([2, 1]);
    expect(result(await call(classify(5, [])))).toEqual([]);
  });

  it("lets other calls in between batches of many labels", async () => {
    const { dispatcher, settled, posted, model } = await loaded();
    await settled(1);
    const many = Array.from({ length: 100 }, (_, index) => String.fromCodePoint(0x4e00 + index));
    dispatcher.handle(classify(2, many));
    dispatcher.handle({ type: "embed", id: 3, argument: photo });
    await Promise.all([settled(2), settled(3)]);
    const done = posted.flatMap((one) => (one.type === "done" ? [one.id] : []));
    expect(done).toEqual([1, 3, 2]);
    expect(model.batches).toEqual([16, 16, 16, 16, 16, 16, 4]);
  });

  it("keeps a limited number of labels, those that were used last", async () => {
    const { call, model } = await loaded();
    const letters = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => String.fromCodePoint(0x4e00 + from + index));
    await call(classify(2, letters(0, 4096)));
    await call(classify(3, letters(0, 1))); // used again: the second is the oldest now
    await call(classify(4, letters(5000, 1)));
    const before = model.batches.length;
    await call(classify(5, letters(0, 1)));
    expect(model.batches).toHaveLength(before);
    await call(classify(6, letters(1, 1)));
    expect(model.batches).toHaveLength(before + 1);
  }, 20_000);
});

describe("shared work", () => {
  it("is done once, and failed work again", async () => {
    let begun = 0;
    const shared = new Shared(async () => {
      if ((begun += 1) === 1) throw new Error("first");
      return begun;
    });
    const { signal } = new AbortController();
    await expect(Promise.allSettled([shared.get(signal), shared.get(signal)])).resolves.toMatchObject([
      { reason: { message: "first" } },
      { reason: { message: "first" } },
    ]);
    expect(await Promise.all([shared.get(signal), shared.get(signal)])).toEqual([2, 2]);
    expect(await shared.get(signal)).toBe(2);
  });

  it("goes on while one waits, and ends when none does", async () => {
    const signals: AbortSignal[] = [];
    const shared = new Shared((signal) => (signals.push(signal), new Promise(() => undefined)));
    const [a, b] = [new AbortController(), new AbortController()];
    const waits = [shared.get(a.signal), shared.get(b.signal)];
    a.abort("a");
    await expect(waits[0]).rejects.toBe("a");
    expect(signals[0]!.aborted).toBe(false);
    b.abort("b");
    await expect(waits[1]).rejects.toBe("b");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    void shared.get(new AbortController().signal);
    expect(signals).toHaveLength(2);
  });
});
