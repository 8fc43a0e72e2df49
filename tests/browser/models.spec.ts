/**
 * Models from a server that plays every part, and from the cache: after each the right embedding, or the right error and
 * a cache that holds nothing wrong.
 */

import { createHash } from "node:crypto";
import type { Page } from "@playwright/test";
import { cosine, expected, maxDifference, modelFile, Safetensors } from "./golden.ts";
import { expect, open, test } from "./test.ts";
import type { TestServer } from "./server.ts";

const MODEL = "b32-tiny";
const GOLDEN = `golden/models/${MODEL}`;
const photo = "/golden/images/rgb-photo.png";
const sha256 = (content: Uint8Array | string): string => `sha256-${createHash("sha256").update(content).digest("base64")}`;
const JSON_FILES = ["config.json", "preprocessor_config.json", "tokenizer.json"];
const checksums = Object.fromEntries([...JSON_FILES, "model.safetensors"].map((name) => [name, sha256(modelFile(MODEL, name))]));
const python = expected(MODEL).embedding("rgb-photo.png")!;

interface Outcome {
  embedding?: number[];
  text?: number[];
  code?: string;
  message?: string;
  precision?: string;
  warnings: string[];
  stages: string[];
}

/** Loads a model, and embeds a photo, and a text if told to. */
const load = (page: Page, source: string | object, options: { script?: string } & Record<string, unknown> = {}, text = false): Promise<Outcome> =>
  page.evaluate(
    async ({ source, options: { script, ...options }, photo, text }) => {
      const outcome: Outcome = { warnings: [], stages: [] };
      type Outcome = { embedding?: number[]; text?: number[]; code?: string; message?: string; precision?: string; warnings: string[]; stages: string[] };
      try {
        const clip = await clipVision.ClipVision.load(source as string, {
          ...options,
          ...(script !== undefined && { worker: () => new Worker(script, { type: "module" }) }),
          onWarning: ({ code }) => outcome.warnings.push(code),
          onProgress: ({ stage, cached }) => outcome.stages.push(cached ? "cache" : stage),
        });
        outcome.precision = clip.info.precision;
        outcome.embedding = [...(await clip.embed(photo))];
        if (text) outcome.text = [...(await clip.embedText("a photo of a dog"))];
        clip.close();
      } catch (error) {
        Object.assign(outcome, { code: (error as { code?: string }).code, message: String(error) });
      }
      return outcome;
    },
    { source, options, photo, text },
  );

const cached = (page: Page) => page.evaluate(() => clipVision.listCached());
const expectRight = (outcome: Outcome, what = ""): void => {
  expect(outcome.message, what).toBeUndefined();
  expect(maxDifference(outcome.embedding!, python), what).toBeLessThanOrEqual(1e-4);
};
/** What of a model was asked for since `from`. */
const asked = (server: TestServer, from: number): string[] => server.requests.slice(from).filter((path) => /\/models\/|\/made\//.test(path));

test("how photos are prepared may stand in processor_config.json, which comes before another file, also from the cache", async ({ page, server }) => {
  const settings = JSON.parse(modelFile(MODEL, "preprocessor_config.json").toString()) as Record<string, unknown>;
  const other = { ...settings, image_mean: [0.1, 0.2, 0.3] };
  const nested = JSON.stringify({ image_processor: other, processor_class: "CLIPProcessor" });
  const serve = (folder: string, more: Record<string, string>) => {
    for (const name of ["config.json", "model.safetensors"]) server.files.set(`/made/${folder}/${name}`, modelFile(MODEL, name));
    for (const [name, content] of Object.entries(more)) server.files.set(`/made/${folder}/${name}`, Buffer.from(content));
    return `/made/${folder}/`;
  };
  const plain = await load(page, serve("plain", { "preprocessor_config.json": JSON.stringify(other) }));
  expect(maxDifference(plain.embedding!, python)).toBeGreaterThan(1e-3);
  const both = serve("both", { "processor_config.json": nested, "preprocessor_config.json": JSON.stringify(settings) });
  for (const [source, stage] of [[serve("nested", { "processor_config.json": nested }), "weights"], [both, "weights"], [both, "cache"]] as const) {
    const { embedding, stages, warnings } = await load(page, source);
    expect.soft(embedding, source).toEqual(plain.embedding);
    expect.soft(stages, source).toContain(stage);
    expect.soft(warnings, source).toEqual([]);
  }
  const files = await page.evaluate(async ({ folder, nested }) => {
    const [config, weights] = [`${folder}config.json`, `${folder}model.safetensors`];
    const clip = await clipVision.ClipVision.load({ config, weights, processor: new Blob([nested]) });
    return [...(await clip.embed("/golden/images/rgb-photo.png"))];
  }, { folder: both, nested });
  expect(files).toEqual(plain.embedding);
  expect((await load(page, serve("neither", {}))).warnings).toEqual(["default-preprocessing"]);
});

test.describe("downloads", () => {
  test("of both towers fetch the vision tower alone, and the text tower with the first text", async ({ page, server }) => {
    const from = server.ranges.length;
    const whole = modelFile(MODEL, "model.safetensors").byteLength;
    expectRight(await load(page, `/${GOLDEN}`, { cache: false }));
    const sent = server.ranges.slice(from).filter(([path]) => path.endsWith("model.safetensors"));
    expect(sent.every(([, range]) => range.startsWith("bytes "))).toBe(true);
    expect(sent[0]![1]).toBe(`bytes 0-${Math.min(whole, 131072) - 1}/${whole}`);
  });

  const parts = ["whole", "gzip", "slow", "busy/2", "changing/1", "changing/2"];
  for (const part of parts) {
    test(`from a server that plays "${part}"`, async ({ page }) => {
      expectRight(await load(page, `/${part}/${GOLDEN}`, {}, false), part);
      expect(await cached(page)).toHaveLength(1);
      expectRight(await load(page, `/${part}/${GOLDEN}`), part);
    });
  }

  test("whose connection breaks, at any of twenty places, go on", async ({ page, server }) => {
    const whole = modelFile(MODEL, "model.safetensors").byteLength;
    for (let cut = 1; cut <= 20; cut += 1) {
      const from = server.requests.length;
      const at = Math.floor((cut * Math.min(whole, 131072)) / 21);
      expectRight(await load(page, `/broken-once/${at}/${GOLDEN}`, { cache: false }), `${at}`);
      expect(asked(server, from).filter((path) => path.endsWith("model.safetensors")).length, `${at}`).toBeGreaterThan(1);
    }
  });

  test("by way of another server, which shows no more than it has to", async ({ page, serve }) => {
    const elsewhere = await serve({ shared: true });
    const port = new URL(elsewhere.url).port;
    expectRight(await load(page, `/to/${port}/${GOLDEN}`, {}, true));
    expectRight(await load(page, `/to/${port}/broken-once/5000/${GOLDEN}`));
    // From where on is the network's affair: what was on its way when the connection broke may be lost.
    expect(elsewhere.requests.filter((path) => /broken-once.*model\.safetensors/.test(path)).length).toBeGreaterThan(1);
  });

  test("through the page's own function", async ({ page, server }) => {
    const from = server.ranges.length;
    const outcome = await page.evaluate(
      async ({ source, photo }) => {
        const urls: string[] = [];
        const clip = await clipVision.ClipVision.load(source, { cache: false, fetch: (url, init) => (urls.push(url), fetch(url, init)) });
        const embedding = [...(await clip.embed(photo))];
        clip.close();
        return { embedding, urls };
      },
      { source: `/broken-once/5000/${GOLDEN}`, photo },
    );
    expect(maxDifference(outcome.embedding, python)).toBeLessThanOrEqual(1e-4);
    expect(outcome.urls.filter((url) => url.endsWith("model.safetensors")).length).toBeGreaterThan(1);
    expect(server.ranges.slice(from).filter(([path]) => path.endsWith("model.safetensors")).every(([, range]) => range.startsWith("bytes "))).toBe(true);
  });

  const wrong: [string, string, Record<string, unknown>, string, RegExp][] = [
    ["a page", `/page/${GOLDEN}`, {}, "fetch", /HTML page/],
    ["a file that lacks its end", `/trimmed/100/${GOLDEN}`, {}, "config", /./],
    ["a 404", `/golden/models/none`, {}, "fetch", /config\.json answered 404/],
    ["a 401", `/status/401/${GOLDEN}`, {}, "fetch", /answered 401.*token/],
    ["a 503 that stays", `/status/503/${GOLDEN}`, {}, "fetch", /answered 503/],
    ["a file that never stays the same", `/changing/9/${GOLDEN}`, {}, "fetch", /changed on the server|broke/],
    ["a wrong checksum", `/${GOLDEN}`, { integrity: { ...checksums, "model.safetensors": "0".repeat(64) } }, "integrity", /model\.safetensors has the sha256/],
    ["one checksum for several files", `/${GOLDEN}`, { integrity: "0".repeat(64) }, "integrity", /config\.json has no checksum/],
    ["a checksum of a file that is not there", `/golden/models/none`, { integrity: checksums }, "integrity", /config\.json has a checksum, but is not there/],
    ["no checksum at all", `/${GOLDEN}`, { integrity: "md5" }, "invalid-argument", /integrity/],
  ];
  for (const [what, source, options, code, message] of wrong) {
    test(`that meet ${what} fail, and leave nothing behind`, async ({ page }) => {
      const outcome = await load(page, source, options);
      expect(outcome).toMatchObject({ code, message: expect.stringMatching(message) });
      if (code === "fetch") expect(outcome.message).toContain("http://127.0.0.1");
      expect(await cached(page)).toEqual([]);
      expectRight(await load(page, `/${GOLDEN}`));
    });
  }

  test("of weights that lack their end fail", async ({ page }) => {
    const files = { config: `/${GOLDEN}/config.json`, preprocessor: `/${GOLDEN}/preprocessor_config.json` };
    const outcome = await load(page, { ...files, weights: `/trimmed/100/${GOLDEN}/model.safetensors` });
    expect(outcome).toMatchObject({ code: "weights", message: expect.stringMatching(/cut short/) });
    expect(await cached(page)).toEqual([]);
  });

  test("with the right checksum pass", async ({ page }) => {
    expectRight(await load(page, `/${GOLDEN}`, { integrity: checksums }, true));
    expectRight(await load(page, `/broken-once/9999/${GOLDEN}`, { integrity: checksums }));
  });

  test("of weights in several files", async ({ page, server }) => {
    const whole = new Safetensors(modelFile(MODEL, "model.safetensors"));
    const folder = "/made/sharded";
    for (const name of JSON_FILES) server.files.set(`${folder}/${name}`, modelFile(MODEL, name));
    const weightMap: Record<string, string> = {};
    for (const shard of [0, 1]) {
      const part = new Safetensors(modelFile(MODEL, "model.safetensors"));
      const mine = [...whole.entries].filter(([name]) => name.length % 2 === shard);
      let at = 0;
      const pieces = mine.map(([name, entry]) => {
        const bytes = whole.data.subarray(...entry.data_offsets);
        weightMap[name] = `part-${shard}.safetensors`;
        return { name, entry: { ...entry, data_offsets: [at, (at += bytes.byteLength)] as [number, number] }, bytes };
      });
      const made = { entries: new Map(pieces.map(({ name, entry }) => [name, entry])), data: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
      server.files.set(`${folder}/part-${shard}.safetensors`, Safetensors.prototype.toBytes.call(Object.assign(part, made)));
    }
    server.files.set(`${folder}/model.safetensors.index.json`, JSON.stringify({ metadata: {}, weight_map: weightMap }));
    const first = await load(page, folder, {}, true);
    expectRight(first);
    const again = await load(page, folder, {}, true);
    expect(again.embedding).toEqual(first.embedding);
    expect(again.text).toEqual(first.text);

    const files = [...server.files].filter(([name]) => name.startsWith(`${folder}/`));
    const integrity = Object.fromEntries(files.map(([name, content]) => [name.slice(folder.length + 1), sha256(content)]));
    expect(await load(page, folder, { integrity }, true)).toMatchObject({ embedding: first.embedding, text: first.text });
    const from = server.requests.length;
    expect(await load(page, folder, { integrity }, true)).toMatchObject({ embedding: first.embedding, text: first.text });
    expect(asked(server, from)).toEqual([]);
    const slip = { ...integrity, "part-2.safetensors": sha256("") };
    expect(await load(page, folder, { integrity: slip })).toMatchObject({ code: "integrity", message: expect.stringContaining("part-2.safetensors") });
    server.files.set(`${folder}/part-1.safetensors`, "not the file");
    expect(await load(page, folder, { cache: false, integrity })).toMatchObject({ code: "integrity", message: expect.stringContaining("part-1.safetensors") });
  });

  test("at an address with a token never show it, nor keep it", async ({ page }) => {
    const address = `/${GOLDEN}?token=SECRET`;
    const right = await load(page, address, {}, true);
    expectRight(right);
    const said = [right, await load(page, `/status/401/${GOLDEN}?token=SECRET`), await cached(page)];
    const kept = await page.evaluate(async (model) => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("clip-vision");
      const texts = [];
      for await (const file of (root as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values()) texts.push(file.name, await (await file.getFile()).text());
      const clip = await clipVision.ClipVision.load(model);
      clip.close();
      return [...texts, clip.info.model, String(await clipVision.deleteCached(model))];
    }, address);
    expect(kept.slice(-2)).toEqual([`/${GOLDEN}`, "1"]);
    expect(JSON.stringify([said, kept])).not.toContain("SECRET");
  });
});

test.describe("the cache", () => {
  test("gives model and text tower back without a request", async ({ page, server }) => {
    for (const precision of ["f32", "int8"]) {
      const first = await load(page, `/${GOLDEN}`, { precision }, true);
      expect(first).toMatchObject({ precision, warnings: [] });
      const from = server.requests.length;
      await open(page, server); // a new page of the same origin
      const again = await load(page, `/${GOLDEN}`, { precision }, true);
      expect(again).toMatchObject({ precision, warnings: [], embedding: first.embedding, text: first.text });
      expect(asked(server, from)).toEqual([]);
      expect(again.stages).toContain("cache");
    }
    const list = await cached(page);
    expect(list).toHaveLength(2);
    expect(list[0]).toMatchObject({ model: `/${GOLDEN}`, text: true });
    expect(list.map(({ precision }) => precision).sort()).toEqual(["f32", "int8"]);
  });

  test("is emptied by deleteCached", async ({ page }) => {
    await load(page, `/${GOLDEN}`);
    await load(page, `/${GOLDEN}`, { precision: "int8" });
    await load(page, `/whole/${GOLDEN}`);
    const counts = await page.evaluate(async (model) => {
      const list = await clipVision.listCached();
      const one = list.find(({ precision }) => precision === "int8")!;
      const removed = [await clipVision.deleteCached(one), await clipVision.deleteCached(model), await clipVision.deleteCached()];
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("clip-vision");
      const names = [];
      for await (const name of (root as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
      return { removed, names };
    }, `/${GOLDEN}`);
    expect(counts).toEqual({ removed: [1, 1, 1], names: [] });
  });

  test("is filled by one of two pages", async ({ page, server }) => {
    const other = await page.context().newPage();
    await open(other, server);
    const from = server.requests.length;
    const source = `/slow/${GOLDEN}`;
    const outcomes = await Promise.all([load(page, source), load(other, source)]);
    outcomes.forEach((outcome) => expectRight(outcome));
    expect(server.requests.slice(from).filter((path) => path === `${source}/config.json`)).toHaveLength(1);
    expect(outcomes.map(({ stages }) => stages.includes("cache")).sort()).toEqual([false, true]);
    await other.close();
  });

  test("that is damaged is repaired, and a load that was broken off leaves none", async ({ page, server }) => {
    await load(page, `/${GOLDEN}`);
    await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("clip-vision");
      for await (const [name, handle] of (folder as unknown as { entries(): AsyncIterable<[string, FileSystemFileHandle]> }).entries()) {
        if (!name.includes(".vision.")) continue;
        const writable = await handle.createWritable({ keepExistingData: true });
        await writable.write({ type: "write", position: 100_000, data: new Uint8Array([1, 2, 3, 4]) });
        await writable.close();
      }
    });
    const repaired = await load(page, `/${GOLDEN}`);
    expectRight(repaired);
    expect(repaired.warnings).toEqual(["cache-corrupt"]);
    const from = server.requests.length;
    expectRight(await load(page, `/${GOLDEN}`));
    expect(asked(server, from)).toEqual([]);

    await page.evaluate(async (source) => {
      const controller = new AbortController();
      const onProgress = ({ stage, loaded }: { stage: string; loaded: number }) => void (stage === "weights" && loaded > 0 && controller.abort());
      await clipVision.ClipVision.load(source, { signal: controller.signal, onProgress }).catch(() => undefined);
    }, `/slow/${GOLDEN}`);
    expect(await cached(page)).toHaveLength(1);
  });

  test("is compared with the server if it is told to", async ({ page, server }) => {
    for (const name of ["config.json", "preprocessor_config.json", "model.safetensors"]) server.files.set(`/made/moving/${name}`, modelFile(MODEL, name));
    expectRight(await load(page, "/made/moving", { cache: "revalidate" }));
    expect((await load(page, "/made/moving", { cache: "revalidate" })).stages).toContain("cache");
    for (const name of ["config.json", "preprocessor_config.json", "model.safetensors"]) server.files.set(`/made/moving/${name}`, modelFile("nearest-f16", name));
    expectRight(await load(page, "/made/moving"));
    const moved = await load(page, "/made/moving", { cache: "revalidate" });
    expect(cosine(moved.embedding!, expected("nearest-f16").embedding("rgb-photo.png")!)).toBeGreaterThan(0.9999);
  });

  test("holds files that load by their address as well", async ({ page, server }) => {
    const first = await load(page, `/${GOLDEN}`, { precision: "int8" });
    const bytes = await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("clip-vision");
      for await (const [name, handle] of (folder as unknown as { entries(): AsyncIterable<[string, FileSystemFileHandle]> }).entries()) {
        if (name.includes(".vision.")) return [...new Uint8Array(await (await handle.getFile()).arrayBuffer())];
      }
      return [];
    });
    server.files.set("/made/tiny.clip.safetensors", Uint8Array.from(bytes));
    for (const source of ["/made/tiny.clip.safetensors", { weights: "/made/tiny.clip.safetensors" }]) {
      expect(await load(page, source)).toMatchObject({ precision: "int8", embedding: first.embedding });
    }
    const restored = await load(page, "/made/tiny.clip.safetensors", { precision: "f32" });
    expect(restored.precision).toBe("f32");
    expect(cosine(restored.embedding!, python)).toBeGreaterThan(0.99);
  });

  test("is the Cache API where there are no files", async ({ page, server }) => {
    const options = { script: "/fixtures/refusing_worker.js?files", precision: "int8" };
    const first = await load(page, `/${GOLDEN}`, options, true);
    expect(first.warnings).toEqual([]);
    const from = server.requests.length;
    expect(await load(page, `/${GOLDEN}`, options, true)).toMatchObject({ embedding: first.embedding, text: first.text, warnings: [] });
    expect(asked(server, from)).toEqual([]);
    const names = await page.evaluate(async () => (await (await caches.open("clip-vision")).keys()).map(({ url }) => new URL(url).pathname));
    expect(names).toHaveLength(3);
  });
});

test("a model becomes one file in the page, which gives the same embeddings", async ({ page, server }) => {
  server.requests.length = 0;
  const found = await page.evaluate(async () => {
    const settings = { cache: false, precision: "int8" } as const;
    const clip = await clipVision.ClipVision.load("/golden/models/b32-tiny", settings);
    const seen: number[] = [];
    const blob = await clip.toBlob({ onProgress: ({ overall }) => void seen.push(overall) });
    const again = await clipVision.ClipVision.load(blob, { cache: false });
    const photo = "/golden/images/rgb-photo.png";
    const of = async (one: typeof clip) => [Array.from(await one.embed(photo)), Array.from(await one.embedText("a dog"))];
    const result = { before: await of(clip), after: await of(again), seen, precision: again.info.precision };
    clip.close();
    again.close();
    return result;
  });
  expect(found.after).toEqual(found.before);
  expect(found.precision).toBe("int8");
  expect(found.seen.at(-1)).toBe(1);
});
