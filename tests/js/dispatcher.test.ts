import { describe, expect, it, vi } from "vitest";
import type { LoadProgress, Response as Message, WireLoad, WirePhoto } from "../../web/shared/protocol.ts";
import { MODEL, dispatcherWith, load, sha256, type Served } from "./fake_host.ts";
import { text } from "./fakes.ts";
import { decodeInBrowser } from "../../web/worker/pixels.ts";

const encoded = (content: string): WirePhoto => ({ kind: "encoded", bytes: text(content) });

async function loaded(served: Record<string, Served> = {}) {
  const all = dispatcherWith({ ...MODEL, ...served });
  expect(await all.call({ type: "load", id: 1, argument: load() })).toMatchObject({ type: "done" });
  return all;
}

const progressOf = (posted: Message[]): LoadProgress[] =>
  posted.flatMap((message) => (message.type === "progress" ? [message.progress] : []));

/** Spaces without end. */
const endless = () => {
  const piece = new Uint8Array(1 << 20).fill(32);
  return new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(piece) });
};

describe("load", () => {
  it("streams the weights into the engine and says what the model is", async () => {
    const { call, engine, posted } = dispatcherWith(MODEL);
    const answer = await call({ type: "load", id: 1, argument: load({ precision: "f32", normalize: false, maxPixels: 5 }) });
    expect(answer).toEqual({
      type: "done",
      id: 1,
      result: { task: "photos and texts", dimension: 2, imageSize: 8, scores: "softmax", precision: "f32", weights: "model.safetensors", device: "wasm", simd: "simd128", threads: 3, bytes: 99, batch: 1 },
    });
    expect(engine.options).toEqual({
      config: text("{}"),
      preprocessor: text("{pre}"),
      precision: "f32",
      normalize: false,
      maxPixels: 5,
    });
    expect(engine.pushed).toEqual([text("weights")]);
    expect(progressOf(posted).at(-1)).toEqual({ stage: "weights", file: "model.safetensors", loaded: 7, total: 7, overall: 1 });
  });

  it("counts all files of weights in its overall progress", async () => {
    const folder = "https://models.test/m";
    const shards = ["a", "b", "c", "d"].map((name) => `${name}.safetensors`);
    const weight_map = Object.fromEntries(shards.map((file) => [file, file]));
    const body = "x".repeat(5000);
    const { call, posted } = dispatcherWith({
      ...MODEL,
      [`${folder}/model.safetensors`]: { status: 404 },
      [`${folder}/model.safetensors.index.json`]: { body: JSON.stringify({ weight_map }) },
      ...Object.fromEntries(shards.map((file) => [`${folder}/${file}`, { body, headers: { "content-length": "5000" } }])),
    });
    const asked = load();
    asked.model.index = { url: `${folder}/model.safetensors.index.json`, optional: true };
    expect(await call({ type: "load", id: 1, argument: asked })).toMatchObject({ type: "done" });
    const at = shards.map((file) => progressOf(posted).filter((one) => one.file === file).at(-1)!);
    // Of each file a quarter, but for the small files beside them.
    for (const [index, { overall }] of at.entries()) expect(Math.abs(overall - (index + 1) / 4)).toBeLessThan(0.05);
    expect(at.at(-1)).toEqual({ stage: "weights", file: "d.safetensors", loaded: 5000, total: 5000, overall: 1 });
  });

  it("reads Blobs as well as addresses", async () => {
    const { call, engine } = dispatcherWith();
    const blob = (content: string, name: string) => ({ blob: new Blob([content]), name });
    const model = { config: blob("{}", "config.json"), weights: blob("abc", "model.safetensors") };
    expect(await call({ type: "load", id: 1, argument: load({ model }) })).toMatchObject({ type: "done" });
    expect(engine.pushed).toEqual([text("abc")]);
    expect(engine.options).not.toHaveProperty("preprocessor");
  });

  const html: Served = { body: "<!doctype html><title>App</title>", headers: { "content-type": "text/html" } };
  const at = (file: string, served: Served) => ({ [`https://models.test/m/${file}`]: served });

  it.each([
    ["a 404", at("preprocessor_config.json", { status: 404 })],
    ["an application's start page", at("preprocessor_config.json", html)],
  ])("does without a preprocessor_config.json: %s", async (_, served) => {
    const { engine } = await loaded(served);
    expect(engine.options).not.toHaveProperty("preprocessor");
  });

  it("hands both files that may say how photos are prepared to Rust, which chooses", async () => {
    const { engine } = await loaded(at("processor_config.json", { body: "{processor}" }));
    expect(engine.options).toMatchObject({ preprocessor: text("{pre}"), processor: text("{processor}") });
    expect((await loaded()).engine.options).not.toHaveProperty("processor");
  });

  it("takes an optional file for missing where nothing answers, if its scheme knows no 404", async () => {
    const outcome = async (folder: string) => {
      const model = Object.fromEntries(Object.entries(load().model).map(([role, file]) => [role, { ...file, url: `${folder}/${role}` }]));
      const there = (url: string) => url.endsWith("/config") || url.endsWith("/weights");
      const fetch = async (url: string) => {
        if (there(url)) return new Response(url.endsWith("config") ? "{}" : "weights");
        throw new TypeError("Failed to fetch");
      };
      const { call } = dispatcherWith({}, { fetch });
      const answer = await call({ type: "load", id: 1, argument: load({ model: model as never }) });
      return answer.type === "failed" ? answer.error.code : answer.type;
    };
    expect(await outcome("chrome-extension://id/model")).toBe("done");
    expect(await outcome("file:///model")).toBe("fetch");
    expect(await outcome("https://models.test/model")).toBe("fetch");
  });

  it("refuses a file that has a checksum and is not there", async () => {
    const { call } = dispatcherWith({ ...MODEL, ...at("preprocessor_config.json", { status: 404 }) });
    const integrity = { "config.json": sha256("{}"), "preprocessor_config.json": "00", "model.safetensors": sha256("weights") };
    const answer = await call({ type: "load", id: 1, argument: load({ integrity }) });
    expect(answer).toMatchObject({ type: "failed", error: { code: "integrity", message: expect.stringMatching(/preprocessor_config\.json has a checksum, but is not there/) } });
  });

  it.each<[string, Record<string, Served>, string, RegExp]>([
    ["a 404", at("config.json", { status: 404 }), "fetch", /m\/config\.json answered 404/],
    ["no weights", at("model.safetensors", { status: 404 }), "fetch", /m\/model\.safetensors answered 404/],
    ["a 500 for the optional file", at("preprocessor_config.json", { status: 500 }), "fetch", /answered 500/],
    ["a page for the configuration", at("config.json", html), "fetch", /config\.json answered with an HTML page/],
    ["a page for the weights", at("model.safetensors", html), "fetch", /model\.safetensors answered with an HTML page/],
    [
      "a page that calls itself binary",
      at("model.safetensors", { body: "\n <!DOCTYPE html><html>" }),
      "fetch",
      /HTML page/,
    ],
    ["another model's configuration", at("config.json", { body: "bad" }), "config", /not CLIP/],
    ["a configuration without end", at("config.json", { body: endless }), "too-large", /over the limit of 67108864/],
    ["other weights", at("model.safetensors", { body: "bad" }), "weights", /no safetensors/],
  ])("fails with %s", async (_, served, code, message) => {
    const { call } = dispatcherWith({ ...MODEL, ...served });
    const answer = await call({ type: "load", id: 1, argument: load() });
    expect(answer).toMatchObject({ type: "failed", id: 1, error: { code } });
    expect((answer as Extract<Message, { type: "failed" }>).error.message).toMatch(message);
  });

  it("says how a folder or a server is written, if the Hub does not know what was taken for an id", async () => {
    const message = async (status: number, more: Partial<WireLoad>, origin = "https://app.test") => {
      const { loading } = dispatcherWith().host;
      const { call } = dispatcherWith({ ...MODEL, ...at("config.json", { status }) }, { loading: { ...loading, origin } });
      const answer = await call({ type: "load", id: 1, argument: load({ name: "models/shapes", ...more }) });
      return (answer as Extract<Message, { type: "failed" }>).error.message;
    };
    for (const status of [401, 403, 404]) {
      const onPage = await message(status, { revision: "main" });
      expect(onPage).toMatch(new RegExp(`answered ${status}.*"models/shapes" was taken for the id of a model on the Hub`));
      expect(onPage).toContain('"./models/shapes" or "/models/shapes"');
      expect(onPage).toContain('"https://…/models/shapes"');
    }
    expect(await message(401, { revision: "main" }, "")).toMatch(/of which there is none by this name, is written "\.\/models\/shapes"/);
    expect(await message(500, { revision: "main" })).not.toContain("taken for");
    expect(await message(401, {})).not.toContain("taken for"); // an address is what it says
  });

  it("says where a connection broke, if it never gets any further", async () => {
    const body = () => {
      let pulls = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if ((pulls += 1) === 1) controller.enqueue(text("wei"));
          else controller.error(new TypeError("network error"));
        },
      });
    };
    const { call } = dispatcherWith({ ...MODEL, ...at("model.safetensors", { body, headers: { "content-length": "7" } }) });
    expect(await call({ type: "load", id: 1, argument: load() })).toMatchObject({
      error: { code: "fetch", message: expect.stringMatching(/broke after 3 of 7 bytes/), cause: { message: "network error" } },
    });
  });

  it("stops in the middle of a download when it is canceled", async () => {
    let canceled = false;
    let reached: () => void;
    const inWeights = new Promise<void>((resolve) => (reached = resolve));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(text("wei")),
      pull: () => (reached(), new Promise(() => undefined)),
      cancel: () => void (canceled = true),
    });
    const { dispatcher, posted } = dispatcherWith({ ...MODEL, ...at("model.safetensors", { body }) });
    dispatcher.handle({ type: "load", id: 1, argument: load() });
    await inWeights;
    dispatcher.handle({ type: "cancel", id: 1 });
    await expect.poll(() => canceled).toBe(true);
    expect(posted.filter(({ type }) => type !== "progress")).toEqual([{ type: "canceled", id: 1 }]);
  });

  it("fetches through the page if it is told to", async () => {
    const { dispatcher, engine, posted, fetched, settled } = dispatcherWith();
    dispatcher.handle({ type: "load", id: 1, argument: load({ fetchOnPage: true }) });
    const answered = new Set<number>();
    const answer = () => {
      for (const message of posted) {
        if (message.type !== "fetch" || answered.has(message.id)) continue;
        answered.add(message.id);
        const { url } = message.argument;
        const { body = "", headers = {} } = MODEL[url] ?? {};
        const stream = new Response(body as string).body;
        dispatcher.handle({ type: "done", id: message.id, result: { url, status: 200, headers: Object.entries(headers), body: stream } });
      }
    };
    const timer = setInterval(answer, 1);
    expect(await settled(1)).toMatchObject({ type: "done" });
    clearInterval(timer);
    expect(fetched).toEqual([]);
    expect(engine.pushed).toEqual([text("weights")]);
  });
});

describe("photos", () => {
  it("are answered with what Rust says; the embedding's buffer moves", async () => {
    const { call, posted, transferred } = await loaded();
    const answer = await call({ type: "embed", id: 2, argument: encoded("A!") });
    expect(answer).toMatchObject({
      type: "done",
      id: 2,
      result: { timings: { decode: 1, preprocess: 2, forward: expect.any(Number) }, decoder: "rust", width: 4, height: 5 },
    });
    const { embedding } = (answer as { result: { embedding: Float32Array } }).result;
    expect([...embedding]).toEqual([65, 2]);
    expect(transferred[posted.indexOf(answer)]).toEqual([embedding.buffer]);
  });

  it("come as addresses, Blobs, pixels and bitmaps", async () => {
    const { call } = await loaded({ "https://photos.test/cat.jpg": { body: "cat" } });
    let closed = 0;
    const bitmap = { close: () => (closed += 1) } as unknown as ImageBitmap;
    const photos: [WirePhoto, number[], string][] = [
      [{ kind: "url", url: "https://photos.test/cat.jpg" }, [99, 3], "rust"],
      [{ kind: "blob", blob: new Blob(["dog!"]) }, [100, 4], "rust"],
      [{ kind: "pixels", data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 }, [1, 3], "raw"],
      [{ kind: "bitmap", bitmap }, [7, 4], "browser"],
    ];
    for (const [index, [argument, embedding, decoder]] of photos.entries()) {
      const answer = await call({ type: "embed", id: 10 + index, argument });
      expect(answer).toMatchObject({ result: { embedding: Float32Array.from(embedding), decoder } });
    }
    expect(closed).toBeGreaterThan(0);
    expect(await call({ type: "embed", id: 20, argument: { kind: "url", url: "https://photos.test/none.jpg" } })).toMatchObject({
      type: "failed",
      error: { code: "fetch", message: expect.stringContaining("https://photos.test/none.jpg answered 404") },
    });
  });

  it("that are larger than allowed are refused before the engine sees a byte of them, and read no further", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => ((pulled += 1), controller.enqueue(text("12345"))) });
    const announced = { body: "1234567890 and more", headers: { "content-length": "19" } };
    const all = dispatcherWith({ ...MODEL, "https://photos.test/endless.jpg": { body: endless }, "https://photos.test/big.jpg": announced });
    expect(await all.call({ type: "load", id: 1, argument: load({ maxBytes: 12 }) })).toMatchObject({ type: "done" });
    const photos: [WirePhoto, number][] = [
      [encoded("1234567890123"), 13],
      [{ kind: "blob", blob: new Blob(["1234567890", "1234"]) }, 14],
      [{ kind: "url", url: "https://photos.test/big.jpg" }, 19],
      [{ kind: "url", url: "https://photos.test/endless.jpg" }, 15],
    ];
    for (const [index, [argument, bytes]] of photos.entries()) {
      const error = { code: "too-large", message: `${bytes} encoded bytes are over the limit of 12` };
      expect(await all.call({ type: "embed", id: 10 + index, argument })).toMatchObject({ type: "failed", error });
    }
    expect(pulled).toBeLessThan(6);
    expect(all.engine.model.seen).toEqual([]);
    expect(await all.call({ type: "embed", id: 20, argument: encoded("123456789012") })).toMatchObject({ type: "done" });
  });

  it("that Rust does not know go to the browser; what neither knows keeps Rust's error", async () => {
    const { call } = await loaded();
    expect(await call({ type: "embed", id: 2, argument: encoded("avif…") })).toMatchObject({
      type: "done",
      result: { decoder: "browser", embedding: Float32Array.of(9, 160), width: 40, height: 30 },
    });
    const fast: WirePhoto = { kind: "encoded", bytes: text("avif…"), decode: "fast" };
    expect(await call({ type: "embed", id: 5, argument: fast })).toMatchObject({
      result: { embedding: Float32Array.of(9, 64), width: 40, height: 30 }, // of twice the model's 8 pixels
    });
    expect(await call({ type: "embed", id: 3, argument: encoded("junk") })).toMatchObject({
      type: "failed",
      error: { code: "unsupported-format", message: "no format that is known" },
    });
    expect(await call({ type: "tensor", id: 4, argument: encoded("broken") })).toMatchObject({ error: { code: "decode" } });
    const { call: callSmall } = dispatcherWith(MODEL);
    await callSmall({ type: "load", id: 1, argument: load({ maxPixels: 1000 }) });
    expect(await callSmall({ type: "embed", id: 2, argument: fast })).toMatchObject({ error: { code: "too-large" } });
  });

  it("that are too large are not read back, decoded or copied to Rust", async () => {
    const readPixels = vi.fn();
    const close = vi.fn();
    const createImageBitmap = vi.fn(async () => ({ width: 40, height: 26, close }) as unknown as ImageBitmap);
    vi.stubGlobal("createImageBitmap", createImageBitmap);
    const { call, engine } = dispatcherWith(MODEL, { readPixels, decodeInBrowser });
    await call({ type: "load", id: 1, argument: load({ maxPixels: 1000 }) });
    // A GIF whose header says 40 x 26, and files that say nothing.
    const gif = Uint8Array.of(...text("GIF89a"), 40, 0, 26, 0);
    const photos: WirePhoto[] = [
      { kind: "bitmap", bitmap: { width: 40, height: 26, close } as unknown as ImageBitmap },
      { kind: "frame", frame: { displayWidth: 1001, displayHeight: 1, close } as unknown as VideoFrame },
      { kind: "pixels", data: new Uint8Array(1001), width: 1001, height: 1, channels: 1 },
      { kind: "encoded", bytes: gif, decoder: "browser" },
      encoded("avif…"),
    ];
    for (const [index, argument] of photos.entries()) {
      expect(await call({ type: "embed", id: 2 + index, argument }), argument.kind).toMatchObject({ error: { code: "too-large" } });
      expect(createImageBitmap).toHaveBeenCalledTimes(index < 4 ? 0 : 1);
    }
    expect(readPixels).not.toHaveBeenCalled();
    expect(close).toHaveBeenCalledTimes(3);
    expect(engine.model.seen.filter((photo) => photo.kind !== "encoded")).toEqual([]);
  });

  it("are computed in their order, and one that is canceled while it waits never", async () => {
    const { dispatcher, engine, settled, posted } = await loaded();
    for (let id = 2; id <= 12; id += 1) dispatcher.handle({ type: "embed", id, argument: encoded(String.fromCharCode(64 + id)) });
    dispatcher.handle({ type: "cancel", id: 3 });
    dispatcher.handle({ type: "cancel", id: 12 });
    await settled(11);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const seen = engine.model.seen.map((photo) => photo.kind === "encoded" && photo.bytes[0]! - 64);
    expect(seen).toEqual([2, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(posted.filter((message) => "id" in message && (message.id === 3 || message.id === 12))).toEqual([
      { type: "canceled", id: 3 },
      { type: "canceled", id: 12 },
    ]);
  });

  it("listen to messages between two computations", async () => {
    const { dispatcher, engine, settled } = await loaded();
    for (let id = 2; id <= 6; id += 1) dispatcher.handle({ type: "embed", id, argument: encoded("x") });
    await settled(2);
    dispatcher.handle({ type: "cancel", id: 6 }); // arrives while 3 to 6 are queued
    await settled(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.model.seen).toHaveLength(4);
  });

  it("listen between two layers: one that is canceled is computed no further, and leaves nothing in memory", async () => {
    let clock = 0;
    const { call, dispatcher, engine, posted } = dispatcherWith(MODEL, { now: () => clock });
    const { model } = engine;
    await call({ type: "load", id: 1, argument: load() });
    model.layers = 10;
    model.onStep = () => {
      clock += 3; // milliseconds
      if (model.steps === 4) setTimeout(() => dispatcher.handle({ type: "cancel", id: 2 }));
    };
    dispatcher.handle({ type: "embed", id: 2, argument: encoded("a") });
    await expect.poll(() => model.steps).toBe(6); // two layers, 6 ms, between two turns
    expect(await call({ type: "embed", id: 3, argument: encoded("b") })).toMatchObject({ result: { timings: { forward: 33 } } });
    expect(posted.filter((message) => "id" in message && message.id === 2)).toEqual([
      { type: "started", id: 2 },
      { type: "canceled", id: 2 },
    ]);
    expect(model.steps).toBe(6 + 11);
    await call({ type: "tensor", id: 4, argument: encoded("c") });
    expect(model.held).toBe(0);
  });

  it("of which a few at a time are read ahead", async () => {
    let open = 0;
    let most = 0;
    const slow = dispatcherWith(MODEL, {
      fetch: async (url) => {
        if (MODEL[url]) return new Response(MODEL[url].body as string);
        most = Math.max(most, (open += 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        open -= 1;
        return new Response("photo");
      },
    });
    await slow.call({ type: "load", id: 1, argument: load() });
    for (let id = 2; id <= 21; id += 1) slow.dispatcher.handle({ type: "embed", id, argument: { kind: "url", url: `https://p.test/${id}` } });
    await Promise.all(Array.from({ length: 20 }, (_, index) => slow.settled(index + 2)));
    expect(most).toBe(8);
  });
});

describe("a crash of the engine", () => {
  it("of a decoder is reported once, as its photo's error with the panic's message, and ends the conversation", async () => {
    const { call, dispatcher, engine, posted } = await loaded();
    engine.panic = "index out of bounds at src/image.rs:1:2";
    dispatcher.handle({ type: "embed", id: 3, argument: { kind: "blob", blob: new Blob(["later"]) } });
    const answer = await call({ type: "embed", id: 2, argument: encoded("panic") });
    expect(answer).toMatchObject({
      type: "crashed",
      id: 2,
      error: { code: "decode", message: expect.stringMatching(/decoder crashed.*index out of bounds/), cause: { name: "RuntimeError" } },
    });
    const count = posted.length;
    dispatcher.handle({ type: "embed", id: 4, argument: encoded("after") });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(posted).toHaveLength(count);
  });

  it("without a panic is memory that could not be had", async () => {
    const { call } = await loaded();
    expect(await call({ type: "embed", id: 2, argument: encoded("panic") })).toMatchObject({
      type: "crashed",
      error: { code: "out-of-memory", message: expect.stringMatching(/could not get 3 MB more, beside the 64 MB.*int8/) },
    });
  });
});
