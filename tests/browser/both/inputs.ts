/** Every kind of photo: the same pixels, so the same embedding, and the caller's objects are left as they were. */

import { expect, test as playwright } from "@playwright/test";
import { cosine, expected, images, maxDifference, translucentImages } from "../golden.ts";
import { DECODERS } from "../photo_kinds.ts";
import { MODEL, type Tab, type Test } from "./tab.ts";

/** Opaque and lossless: a browser decodes it to the same bytes. */
export const FILE = "rgb-photo.png";
export const golden = (file = FILE): Float32Array => expected(MODEL).embedding(file)!;

const FIXTURES = "/fixtures/photos.js";

interface Answer {
  embedding: number[];
  width: number;
  height: number;
}

/** Makes a photo in the page, in the named way, and embeds it. */
export const embedAs = (tab: Tab, kind: string) =>
  tab.evaluate(
    async ({ kind, url, fixtures }) => {
      const make = (await import(fixtures)) as typeof import("../fixtures/photos.js");
      const { photo, options } = await make.photos[kind]!(url);
      const { embedding, ...rest } = await clip.embed(photo as Blob, { ...options, details: true });
      return { ...rest, embedding: Array.from(embedding), intact: make.isIntact(photo) };
    },
    { kind, url: `/golden/images/${FILE}`, fixtures: FIXTURES },
  );

/** Embeds each of a fixture's photos, or says with which code it was refused. */
const embedEach = (tab: Tab, kinds: "upright" | "translucent" | "multiplied" | "hopeless", file = FILE, options = {}) =>
  tab.evaluate(
    async ({ kinds, url, options, fixtures }) => {
      const make = (await import(fixtures)) as typeof import("../fixtures/photos.js");
      const all: Record<string, Answer | string> = {};
      for (const [kind, photoOf] of Object.entries(make[kinds])) {
        const photo = (await photoOf(url)) as Blob;
        all[kind] = await clip.embed(photo, { ...options, details: true }).then(
          ({ embedding, width, height }) => ({ embedding: Array.from(embedding), width, height }),
          ({ code, name }) => `${name} ${code}`,
        );
      }
      return all;
    },
    { kinds, url: `/golden/images/${file}`, options, fixtures: FIXTURES },
  );

/** What was embedded of a fixture's photos: all of them. */
const embeddingsOf = async (...asked: Parameters<typeof embedEach>): Promise<Record<string, Answer>> => {
  const answers = await embedEach(...asked);
  for (const [kind, answer] of Object.entries(answers)) expect(answer, kind).toBeInstanceOf(Object);
  return answers as Record<string, Answer>;
};

/**
 * @param canvasCosine how near the embedding of what a canvas keeps is to that of the canvas's PNG: readings may round
 * differently
 * @param multiplied the photos that are not opaque whose colors this browser keeps multiplied by their opacity, and so rounded,
 * though they could be had as they are stored; of all files, or of one ("… of rgba.png")
 */
export function testInputs(test: Test, canvasCosine: number, multiplied: readonly string[] = []): void {
  const isMultiplied = (kind: string, file: string): boolean => multiplied.includes(kind) || multiplied.includes(`${kind} of ${file}`);

  for (const [kind, decoder] of Object.entries(DECODERS)) {
    test(kind, async ({ tab }) => {
      const lacking = /VideoFrame/.test(kind) && (await tab.evaluate(() => typeof VideoFrame)) === "undefined";
      playwright.skip(lacking, "this browser has no VideoFrame");
      const answer = await embedAs(tab, kind);
      expect(answer).toMatchObject({ width: 160, height: 120, decoder, intact: !kind.includes("may move") });
      expect(cosine(answer.embedding, golden())).toBeGreaterThanOrEqual(0.9999);
      expect(maxDifference(answer.embedding, golden())).toBeLessThanOrEqual(1e-4);
      for (const value of Object.values(answer.timings)) expect(value).toBeGreaterThanOrEqual(0);
    });
  }

  test("a <video>", async ({ tab }) => {
    const answer = await embedAs(tab, "a <video>");
    expect(answer).toMatchObject({ width: 160, height: 120, decoder: "browser" });
    expect(cosine(answer.embedding, golden())).toBeGreaterThanOrEqual(0.99); // its colors went through YUV
  });

  test("gray pixels", async ({ tab }) => {
    const [one, three] = await tab.evaluate(async () => {
      const gray = Uint8Array.from({ length: 40 * 30 }, (_, index) => index % 251);
      const rgb = Uint8Array.from({ length: 40 * 30 * 3 }, (_, index) => Math.floor(index / 3) % 251);
      const tensors = [
        await clip.tensor({ data: gray, width: 40, height: 30, channels: 1 }),
        await clip.tensor({ data: rgb, width: 40, height: 30, channels: 3 }),
      ];
      return tensors.map(({ data }) => Array.from(data));
    });
    expect(one).toHaveLength(3 * 30 * 30);
    expect(one).toEqual(three);
  });

  test("photos that lie on their side are upright, whoever decodes them", async ({ tab }) => {
    for (const file of ["exif-6.jpg", "exif-3.jpg"]) {
      const { width, height } = images.find((image) => image.file === file)!;
      for (const [kind, answer] of Object.entries(await embeddingsOf(tab, "upright", file))) {
        expect.soft(answer, `${kind} of ${file}`).toMatchObject({ width, height });
        expect.soft(cosine(answer.embedding, golden(file)), `${kind} of ${file}`).toBeGreaterThanOrEqual(0.999);
      }
    }
  });

  test("photos that are not opaque are composited over white", async ({ tab }) => {
    expect(translucentImages.length).toBeGreaterThan(1);
    for (const { file } of translucentImages) {
      for (const [kind, answer] of Object.entries(await embeddingsOf(tab, "translucent", file))) {
        if (isMultiplied(kind, file)) expect.soft(cosine(answer.embedding, golden(file)), `${kind} of ${file}`).toBeGreaterThanOrEqual(0.999);
        else expect.soft(maxDifference(answer.embedding, golden(file)), `${kind} of ${file}`).toBeLessThanOrEqual(1e-4);
      }
      for (const [kind, answer] of Object.entries(await embeddingsOf(tab, "multiplied", file))) {
        expect.soft(cosine(answer.embedding, golden(file)), `${kind} of ${file}`).toBeGreaterThanOrEqual(0.999);
      }
    }
  });

  test("where opacity is dropped, the colors count as they are stored; or as a canvas keeps them", async ({ tab }) => {
    const drop = { background: "drop" };
    for (const { file } of translucentImages) {
      const dropped = expected(MODEL).values(`embedding/${file}`)!;
      const { "a canvas as PNG": reference, ...answers } = await embeddingsOf(tab, "multiplied", file, drop);
      for (const [kind, answer] of Object.entries(await embeddingsOf(tab, "translucent", file, drop))) {
        if (isMultiplied(kind, file)) answers[kind] = answer;
        else expect.soft(maxDifference(answer.embedding, dropped), `${kind} of ${file}`).toBeLessThanOrEqual(1e-4);
      }
      for (const [kind, answer] of Object.entries(answers)) {
        expect.soft(cosine(answer.embedding, reference!.embedding), `${kind} of ${file}`).toBeGreaterThanOrEqual(canvasCosine);
      }
    }
  });

  test("over a background all photos that are not opaque are the same, whatever keeps them", async ({ tab }) => {
    for (const [background, other] of [[[255, 255, 255], [0, 0, 0]], [[250, 40, 90], [255, 255, 255]]]) {
      const whole = await embeddingsOf(tab, "translucent", "rgba.png", { background });
      const reference = whole["a File"]!.embedding;
      for (const [kind, answer] of Object.entries({ ...whole, ...(await embeddingsOf(tab, "multiplied", "rgba.png", { background })) })) {
        expect.soft(cosine(answer.embedding, reference), kind).toBeGreaterThanOrEqual(0.999);
      }
      const others = await embeddingsOf(tab, "translucent", "rgba.png", { background: other });
      expect(cosine(others["a File"]!.embedding, reference)).toBeLessThan(0.99);
    }
  });

  test("what shows nothing is refused with a code", async ({ tab }) => {
    for (const [kind, answer] of Object.entries(await embedEach(tab, "hopeless"))) {
      const code = /<img> that/.test(kind) ? "decode" : "invalid-argument";
      expect.soft(answer, kind).toBe(`ClipVisionError ${code}`);
    }
  });

  test("a format that only the browser decodes", async ({ tab }) => {
    const answer = await tab.evaluate(async () => {
      const { decoder, width, height, embedding } = await clip.embed("/golden/foreign/photo.avif", { details: true });
      const refused = await clip.embed("/golden/foreign/photo.avif", { decoder: "rust" }).catch(({ code }) => code as string);
      return { decoder, width, height, embedding: Array.from(embedding), refused };
    });
    expect(answer).toMatchObject({ decoder: "browser", width: 160, height: 120, refused: "unsupported-format" });
    expect(cosine(answer.embedding, golden())).toBeGreaterThanOrEqual(0.99);
  });
}
