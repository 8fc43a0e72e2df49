/** The worker in Firefox: which build it gets, errors, taking back, crashes, close. */

import { existsSync } from "node:fs";
import { expected, maxDifference } from "../browser/golden.ts";
import { expect, MODEL, newTab, start, test } from "./test.ts";

const golden = expected(MODEL).values("embedding/rgb-photo.png")!;
const built = (name: string): boolean => existsSync(new URL(`../../dist/wasm/${name}/clip_vision_bg.wasm`, import.meta.url));
/** `i32x4.relaxed_trunc_f32x4_s (i32x4.splat 0)`: valid where there is relaxed SIMD. */
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 11, 1, 9, 0, 65, 0, 253, 17, 253, 129, 2, 11,
];

for (const isolated of [false, true]) {
  test(`a page that is ${isolated ? "" : "not "}isolated gets the best build for it, and no other`, async ({ serve, openTab }) => {
    const server = await serve({ isolated });
    const other = await openTab(server);
    const { info, isolation, relaxed, embedding } = await other.evaluate(async (module) => {
      const threaded = await clipVision.ClipVision.load("/golden/models/odd-widths", { threads: 2 });
      const embedding = await threaded.embed("/golden/images/rgb-photo.png");
      threaded.close();
      const relaxed = WebAssembly.validate(Uint8Array.from(module));
      return { info: threaded.info, isolation: crossOriginIsolated, relaxed, embedding: Array.from(embedding) };
    }, RELAXED);
    expect(isolation).toBe(isolated);
    expect(maxDifference(embedding, golden)).toBeLessThanOrEqual(1e-4);
    // From the best to the one that is always there; of those that were built.
    const choices = ["relaxed-threads", "simd-threads", "relaxed", "simd"];
    const best = choices.find((name) => built(name) && (isolated || !/threads/.test(name)) && (relaxed || !/relaxed/.test(name)))!;
    expect(info).toMatchObject({ simd: /relaxed/.test(best) ? "relaxed" : "simd128", threads: /threads/.test(best) ? 2 : 1 });
    test.info().annotations.push({ type: "build", description: `${best}, relaxed SIMD: ${relaxed}` });
    expect(server.requests.filter((path) => path.endsWith(".wasm")).at(-1)).toBe(`/dist/wasm/${best}/clip_vision_bg.wasm`);
  });
}

test("wrong photos are refused with a code, and the next is embedded", async ({ tab }) => {
  const cases = {
    "/golden/broken/not-an-image.jpg": "unsupported-format",
    "/golden/broken/truncated.jpg": "decode",
    "/golden/broken/truncated.png": "decode",
    "/golden/images/nothing.png": "fetch",
    "/page/golden/images/rgb-photo.png": "fetch",
    "/cut/500/golden/images/rgb-photo.png": "fetch",
    "http://": "invalid-argument",
  };
  const codes = await tab.evaluate(async (photos) => {
    const codes: Record<string, string> = {};
    for (const photo of photos) {
      codes[photo] = await clip.embed(photo).then(() => "done", ({ code }) => code as string);
      await clip.embed("/golden/images/rgb-1x1.png");
    }
    return codes;
  }, Object.keys(cases));
  expect(codes).toEqual(cases);
});

test("photos of another server are read if it allows that", async ({ tab, serve }) => {
  const [shared, closed] = [await serve({ shared: true }), await serve()];
  const answers = await tab.evaluate(
    async ({ open, shut }) => {
      const image = new Image();
      image.src = shut;
      const settle = (photo: string | HTMLImageElement) =>
        clip.embed(photo).then(({ length }) => String(length), ({ code, message }) => `${code}: ${message}`);
      return [await settle(open), await settle(shut), await settle(image)];
    },
    { open: `${shared.url}golden/images/rgb.bmp`, shut: `${closed.url}golden/images/rgb-1x1.png` },
  );
  expect(answers).toEqual([
    "37",
    expect.stringMatching(/^fetch: .*rgb-1x1\.png.*CORS/),
    expect.stringMatching(/^fetch: .*another server.*crossorigin/),
  ]);
});

test("what is taken back rejects at once", async ({ tab }) => {
  const outcome = await tab.evaluate(async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const calls = ["/never/photo.png", "/golden/images/rgb-photo.png"].map((photo) =>
      clip.embed(photo, { signal }).then(() => "done", (error: unknown) => error),
    );
    controller.abort("enough");
    return Promise.all(calls);
  });
  expect(outcome).toEqual(["enough", "enough"]);
});

test("after a crash the next call works", async ({ tab }) => {
  const answer = await tab.evaluate(async (model) => {
    const crashing = await clipVision.ClipVision.load(`/golden/models/${model}`, { workerUrl: "/fixtures/crashing_worker.js" });
    const waiting = crashing.embed("/never/photo.png").catch(({ code }) => code as string);
    const crashed = await crashing.embed(new TextEncoder().encode("PANIC")).catch(({ code, message }) => `${code}: ${message}`);
    const embedding = await crashing.embed("/golden/images/rgb-photo.png");
    crashing.close();
    return { crashed, waiting: await waiting, embedding: Array.from(embedding) };
  }, MODEL);
  expect(answer.crashed).toMatch(/^worker-crashed: .*a test's own panic/);
  expect(answer.waiting).toBe("worker-crashed");
  expect(maxDifference(answer.embedding, golden)).toBeLessThanOrEqual(1e-4);
});

test("a text and its photos, in a collection that is saved", async ({ tab }) => {
  const answer = await tab.evaluate(async () => {
    const both = await clipVision.ClipVision.load("/golden/models/b32-tiny");
    const photos = new clipVision.Embeddings<string>();
    for (const file of ["rgb-photo.png", "gray.png"]) await photos.add(file, await both.embed(`/golden/images/${file}`));
    const found = await photos.search(await both.embedText("a photo"), 2);
    await photos.saveToOpfs("firefox");
    const again = await clipVision.Embeddings.loadFromOpfs<string>("firefox");
    both.close();
    return { found: found.map(({ id }) => id).sort(), size: again.size };
  });
  expect(answer).toEqual({ found: ["gray.png", "rgb-photo.png"], size: 2 });
});

test("pixels that Firefox falsifies are noticed", async ({ firefox, server }) => {
  const wary = await start({ "privacy.resistFingerprinting": true });
  try {
    const tab = await newTab(wary, server);
    const found = await tab.evaluate(async () => {
      const url = "/golden/images/rgb-photo.png";
      const image = new Image();
      image.src = url;
      return [(await clip.embed(url, { details: true })).noisy, (await clip.embed(image, { details: true })).noisy];
    });
    expect(found).toEqual([undefined, true]);
  } finally {
    await wary.close();
  }
  expect(firefox.connected).toBe(true);
});

test("close ends whatever waits", async ({ tab }) => {
  const codes = await tab.evaluate(async (model) => {
    const closing = await clipVision.ClipVision.load(`/golden/models/${model}`);
    const settle = (work: Promise<unknown>) => work.then(() => "done", ({ code }) => code as string);
    const pending = [settle(closing.embed("/never/photo.png")), settle(closing.embed("/golden/images/rgb-photo.png"))];
    closing.close();
    closing.close();
    return Promise.all([...pending, settle(closing.embed("/golden/images/rgb-photo.png"))]);
  }, MODEL);
  expect(codes).toEqual(["closed", "closed", "closed"]);
});
