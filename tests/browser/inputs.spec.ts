/** Every kind of photo: the same picture, so the same embedding, and the caller's objects are left as they were. */

import type { Page } from "@playwright/test";
import { cosine, expected, images, maxDifference, translucentImages } from "./golden.ts";
import { DECODERS, type PhotoKind } from "./photo_kinds.ts";
import { expect, test } from "./test.ts";

const FILE = "rgb-photo.png"; // opaque and lossless: a browser decodes it to the same bytes
const MODEL = "odd-widths";
const golden = expected(MODEL).values(`embedding/${FILE}`)!;

/** Makes a photo in the page, in the named way, and embeds it. */
async function embedAs(page: Page, kind: PhotoKind) {
  return page.evaluate(
    async ({ kind, model, url, makers }) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
      const make = (await import(makers)) as typeof import("./fixtures/photos.js");
      const { photo, options } = await make.photos[kind]!(url);
      const { embedding, ...rest } = await clip.embed(photo as Blob, { ...options, details: true });
      clip.close();
      return { ...rest, embedding: Array.from(embedding), intact: make.isIntact(photo) };
    },
    { kind, model: MODEL, url: `/golden/images/${FILE}`, makers: "/fixtures/photos.js" },
  );
}

for (const [kind, decoder] of Object.entries(DECODERS)) {
  test(kind, async ({ page }) => {
    const answer = await embedAs(page, kind as PhotoKind);
    expect(answer).toMatchObject({ width: 160, height: 120, decoder, intact: !kind.includes("may move") });
    expect(cosine(answer.embedding, golden)).toBeGreaterThanOrEqual(0.9999);
    expect(maxDifference(answer.embedding, golden)).toBeLessThanOrEqual(1e-4);
    for (const value of Object.values(answer.timings)) expect(value).toBeGreaterThanOrEqual(0);
    expect(answer.timings.forward).toBeGreaterThan(0);
  });
}

test("an SVG at an address that only the application's fetch can read", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><rect width='9' height='9'/></svg>";
    const fetch: typeof window.fetch = async (url, init) =>
      String(url).endsWith("/private.svg") ? new Response(drawing) : window.fetch(url, init);
    const clip = await clipVision.ClipVision.load(model, { fetch, maxBytes: 1000 });
    const { decoder, width, height } = await clip.embed("/private.svg", { details: true });
    clip.close();
    return { decoder, width, height };
  }, `/golden/models/${MODEL}`);
  expect(answer).toEqual({ decoder: "browser", width: 30, height: 20 });
});

test("a <canvas> of wide gamut", async ({ page }) => {
  const { embedding } = await embedAs(page, "a <canvas> of wide gamut" as PhotoKind);
  expect(cosine(embedding, golden)).toBeGreaterThanOrEqual(0.999); // to the other colours and back, in 8 bits
});

/** Embeds each of a fixture's pictures, or says with which code it was refused. */
const embedEach = (page: Page, kinds: "upright" | "translucent" | "multiplied" | "hopeless", file = FILE, options = {}) =>
  page.evaluate(
    async ({ model, kinds, url, options, fixtures }) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`, options);
      const make = (await import(fixtures)) as typeof import("./fixtures/photos.js");
      const all: Record<string, { embedding: number[]; width: number; height: number } | string> = {};
      for (const [kind, photoOf] of Object.entries(make[kinds])) {
        const photo = (await photoOf(url)) as Blob;
        all[kind] = await clip.embed(photo, { details: true }).then(
          ({ embedding, width, height }) => ({ embedding: Array.from(embedding), width, height }),
          ({ code, name }) => `${name} ${code}`,
        );
      }
      clip.close();
      return all;
    },
    { model: MODEL, kinds, url: `/golden/images/${file}`, options, fixtures: "/fixtures/photos.js" },
  );

test("pictures that lie on their side are upright, whoever decodes them", async ({ page }) => {
  for (const file of ["exif-6.jpg", "exif-3.jpg"]) {
    const python = expected(MODEL).values(`embedding/${file}`)!;
    const { width, height } = images.find((image) => image.file === file)!;
    for (const [kind, answer] of Object.entries(await embedEach(page, "upright", file))) {
      expect(answer, `${kind} of ${file}`).toMatchObject({ width, height });
      expect(cosine((answer as { embedding: number[] }).embedding, python), `${kind} of ${file}`).toBeGreaterThanOrEqual(0.999);
    }
  }
});

test("of pictures that are not opaque the colours count as they are stored, as in Python", async ({ page }) => {
  expect(translucentImages.length).toBeGreaterThan(1);
  for (const { file } of translucentImages) {
    const python = expected(MODEL).values(`embedding/${file}`)!;
    for (const [kind, answer] of Object.entries(await embedEach(page, "translucent", file))) {
      expect.soft(maxDifference((answer as { embedding: number[] }).embedding, python), `${kind} of ${file}`).toBeLessThanOrEqual(1e-4);
    }
  }
});

test("of pictures that a canvas keeps, the colours are those of the canvas's PNG", async ({ page }) => {
  for (const { file } of translucentImages) {
    const { "a canvas as PNG": reference, ...answers } = await embedEach(page, "multiplied", file);
    for (const [kind, answer] of Object.entries(answers)) {
      const same = cosine((answer as { embedding: number[] }).embedding, (reference as { embedding: number[] }).embedding);
      expect.soft(same, `${kind} of ${file}`).toBeGreaterThanOrEqual(0.9999);
    }
  }
});

test("over a background all pictures that are not opaque are the same, whatever keeps them", async ({ page }) => {
  for (const [background, other] of [[[255, 255, 255], [0, 0, 0]], [[250, 40, 90], [255, 255, 255]]]) {
    const whole = await embedEach(page, "translucent", "rgba.png", { background });
    const answers = { ...whole, ...(await embedEach(page, "multiplied", "rgba.png", { background })) };
    const reference = (answers["a File"] as { embedding: number[] }).embedding;
    for (const [kind, answer] of Object.entries(answers)) {
      expect.soft(cosine((answer as { embedding: number[] }).embedding, reference), kind).toBeGreaterThanOrEqual(0.999);
    }
    const others = await embedEach(page, "translucent", "rgba.png", { background: other });
    expect(cosine((others["a File"] as { embedding: number[] }).embedding, reference)).toBeLessThan(0.99);
  }
});

test("what has no picture is refused with a code", async ({ page }) => {
  const answers = await embedEach(page, "hopeless");
  for (const [kind, answer] of Object.entries(answers)) {
    const code = /<img> that/.test(kind) ? "decode" : "invalid-argument";
    expect.soft(answer, kind).toBe(`ClipVisionError ${code}`);
  }
});

test("a <video>", async ({ page }) => {
  const { embedding, decoder } = await embedAs(page, "a <video>" as PhotoKind);
  expect(decoder).toBe("browser");
  expect(cosine(embedding, golden)).toBeGreaterThanOrEqual(0.99); // its colours went through YUV
});

test("gray pixels", async ({ page }) => {
  const shapes = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
    const gray = Uint8Array.from({ length: 40 * 30 }, (_, index) => index % 251);
    const rgb = Uint8Array.from({ length: 40 * 30 * 3 }, (_, index) => Math.floor(index / 3) % 251);
    const one = await clip.tensor({ data: gray, width: 40, height: 30, channels: 1 });
    const three = await clip.tensor({ data: rgb, width: 40, height: 30, channels: 3 });
    clip.close();
    return [Array.from(one.data), Array.from(three.data)];
  }, MODEL);
  expect(shapes[0]).toEqual(shapes[1]);
});

test("what is transferred is gone, what is not stays", async ({ page }) => {
  const lengths = await page.evaluate(
    async ({ model, url }) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
      const kept = await (await fetch(url)).arrayBuffer();
      const given = kept.slice(0);
      const before = await clip.embed(kept);
      const after = await clip.embed(given, { transfer: true });
      clip.close();
      return [kept.byteLength > 0, given.byteLength, before.every((value, index) => value === after[index])];
    },
    { model: MODEL, url: `/golden/images/${FILE}` },
  );
  expect(lengths).toEqual([true, 0, true]);
});

test("a format that only the browser decodes", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
    // A Windows icon around a picture of 16 x 16 in one colour.
    const pixels = 16 * 16 * 4;
    const icon = new DataView(new ArrayBuffer(6 + 16 + 40 + pixels + 16 * 4));
    icon.setUint16(2, 1, true);
    icon.setUint16(4, 1, true);
    icon.setUint8(6, 16);
    icon.setUint8(7, 16);
    icon.setUint16(10, 1, true);
    icon.setUint16(12, 32, true);
    icon.setUint32(14, 40 + pixels + 64, true);
    icon.setUint32(18, 22, true);
    icon.setUint32(22, 40, true);
    icon.setInt32(26, 16, true);
    icon.setInt32(30, 32, true);
    icon.setUint16(34, 1, true);
    icon.setUint16(36, 32, true);
    for (let i = 0; i < 256; i += 1) icon.setUint32(62 + 4 * i, 0xff0a141e, true); // BGRA: r 10, g 20, b 30
    const { embedding, decoder, width } = await clip.embed(icon, { details: true });
    const same = await clip.embed({
      data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, index) => [10, 20, 30][index % 3]!),
      width: 16,
      height: 16,
      channels: 3,
    });
    clip.close();
    return { decoder, width, embedding: Array.from(embedding), same: Array.from(same) };
  }, MODEL);
  expect(answer).toMatchObject({ decoder: "browser", width: 16 });
  expect(maxDifference(answer.embedding, answer.same)).toBeLessThanOrEqual(1e-6);
});
