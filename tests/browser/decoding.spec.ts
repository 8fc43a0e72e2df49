/** Decoders: the browser's for what Rust does not read, or where it is asked for; and the fast way. */

import { cosine, expected, maxDifference } from "./golden.ts";
import { expect, test } from "./test.ts";

const MODEL = "odd-widths";
const golden = (file: string) => expected(MODEL).embedding(file)!;

/** Embeds a golden file with options. */
const embed = (page: import("@playwright/test").Page, url: string, options: object) =>
  page.evaluate(
    async ({ model, url, options }) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
      try {
        const { embedding, ...rest } = await clip.embed(url, { ...options, details: true });
        return { ...rest, embedding: Array.from(embedding) };
      } catch (error) {
        return { code: (error as { code?: string }).code, embedding: [] };
      } finally {
        clip.close();
      }
    },
    { model: MODEL, url, options },
  );

test("the browser decodes what Rust could, where it is asked to", async ({ page }) => {
  const lossless = await embed(page, "/golden/images/rgb-photo.png", { decoder: "browser" });
  expect(lossless).toMatchObject({ decoder: "browser", width: 160, height: 120 });
  expect(maxDifference(lossless.embedding, golden("rgb-photo.png"))).toBeLessThanOrEqual(1e-4);
  // It turns photos upright as well.
  const turned = await embed(page, "/golden/images/exif-6.jpg", { decoder: "browser" });
  expect(turned).toMatchObject({ decoder: "browser", width: 60, height: 40 });
  expect(cosine(turned.embedding, golden("exif-6.jpg"))).toBeGreaterThanOrEqual(0.99);
});

test("the browser decodes fast, too: drawn at twice the model's size, it tells its own", async ({ page }) => {
  const fast = await embed(page, "/golden/images/rgb-500x375.png", { decoder: "browser", decode: "fast" });
  expect(fast).toMatchObject({ decoder: "browser", width: 500, height: 375 });
  expect(cosine(fast.embedding, golden("rgb-500x375.png"))).toBeGreaterThanOrEqual(0.99);
  expect(maxDifference(fast.embedding, golden("rgb-500x375.png"))).toBeGreaterThan(1e-6);
});

test("pixels that the browser falsifies are noticed, where they come from a canvas, and said once", async ({ page }) => {
  const said: string[] = [];
  page.on("console", (message) => void (message.type() === "warning" && said.push(message.text())));
  const answer = await page.evaluate(async (model) => {
    const url = "/golden/images/rgb-photo.png";
    const load = (options = {}) => clipVision.ClipVision.load(`/golden/models/${model}`, options);
    const image = await createImageBitmap(await (await fetch(url)).blob());
    const codes: string[] = [];
    const [honest, noisy, quiet] = [
      await load(),
      await load({ worker: () => new Worker("/fixtures/noisy_worker.js", { type: "module" }) }),
      await load({ worker: () => new Worker("/fixtures/noisy_worker.js", { type: "module" }), onWarning: ({ code }: { code: string }) => codes.push(code) }),
    ];
    const found: unknown[] = [];
    for (const clip of [honest, noisy, quiet]) {
      for (const photo of [url, image, image]) found.push((await clip.embed(photo, { details: true })).noisy);
      clip.close();
    }
    return { found, codes };
  }, MODEL);
  const none = undefined;
  expect(answer).toEqual({ found: [none, none, none, none, true, true, none, true, true], codes: ["canvas-noise"] });
  expect(said).toEqual([expect.stringMatching(/^clip-vision: This browser falsifies the pixels/)]);
});

test("fast decoding is nearly the same, and only of JPEGs", async ({ page }) => {
  const file = "photo-640x427.jpg"; // to 30 pixels: a quarter will do
  const fast = await embed(page, `/golden/images/${file}`, { decode: "fast" });
  expect(fast).toMatchObject({ decoder: "rust", width: 640, height: 427 });
  expect(cosine(fast.embedding, golden(file))).toBeGreaterThanOrEqual(0.995);
  expect(maxDifference(fast.embedding, golden(file))).toBeGreaterThan(1e-6);
  const png = await embed(page, "/golden/images/rgb-500x375.png", { decode: "fast" });
  expect(maxDifference(png.embedding, golden("rgb-500x375.png"))).toBeLessThanOrEqual(1e-4);
});
