/** The inputs of tests/browser/inputs.spec.ts in Firefox: the same picture, so the embedding that Python computed. */

import type { Page } from "puppeteer-core";
import { cosine, expected, images, maxDifference, translucentImages } from "../browser/golden.ts";
import { DECODERS } from "../browser/photo_kinds.ts";
import { expect, MODEL, test } from "./test.ts";

const FILE = "rgb-photo.png";
const golden = (file: string) => expected(MODEL).values(`embedding/${file}`)!;

interface Answer {
  embedding: number[];
  width: number;
  height: number;
  decoder: string;
  intact: boolean;
}

/** Makes a photo in the page, in the named way, and embeds it; a string says why there is none. */
const embedAs = (tab: Page, kind: string, file = FILE): Promise<Answer | string> =>
  tab.evaluate(
    async ({ kind, url, makers }) => {
      const make = (await import(makers)) as typeof import("../browser/fixtures/photos.js");
      const { photo, options } = await (make.photos as Record<string, (url: string) => Promise<{ photo: unknown; options: object }>>)[kind]!(url);
      try {
        const { embedding, decoder, width, height } = await clip.embed(photo as Blob, { ...options, details: true });
        return { embedding: Array.from(embedding), decoder, width, height, intact: make.isIntact(photo) };
      } catch (error) {
        return String(error);
      }
    },
    { kind, url: `/golden/images/${file}`, makers: "/fixtures/photos.js" },
  );

/** Embeds each of a fixture's pictures, or says with which code it was refused. */
const embedEach = (tab: Page, kinds: "upright" | "translucent" | "multiplied" | "hopeless", file = FILE, options = {}) =>
  tab.evaluate(
    async ({ kinds, url, options, fixtures }) => {
      const make = (await import(fixtures)) as typeof import("../browser/fixtures/photos.js");
      const all: Record<string, { embedding: number[]; width: number; height: number } | string> = {};
      for (const [kind, photoOf] of Object.entries(make[kinds])) {
        const photo = (await (photoOf as (url: string) => unknown)(url)) as Blob;
        all[kind] = await clip.embed(photo, { ...options, details: true }).then(
          ({ embedding, width, height }) => ({ embedding: Array.from(embedding), width, height }),
          ({ code, name }) => `${name} ${code}`,
        );
      }
      return all;
    },
    { kinds, url: `/golden/images/${file}`, options, fixtures: "/fixtures/photos.js" },
  );

for (const [kind, decoder] of Object.entries(DECODERS)) {
  test(kind, async ({ tab }) => {
    test.skip(/VideoFrame/.test(kind) && (await tab.evaluate(() => typeof VideoFrame)) === "undefined", "this Firefox has no VideoFrame");
    const answer = await embedAs(tab, kind);
    expect(answer).toMatchObject({ width: 160, height: 120, decoder, intact: !kind.includes("may move") });
    const { embedding } = answer as Answer;
    expect(cosine(embedding, golden(FILE))).toBeGreaterThanOrEqual(0.9999);
    expect(maxDifference(embedding, golden(FILE))).toBeLessThanOrEqual(1e-4);
  });
}

test("a <video>", async ({ tab }) => {
  const answer = await embedAs(tab, "a <video>");
  expect(answer).toMatchObject({ width: 160, height: 120, decoder: "browser" });
  expect(cosine((answer as Answer).embedding, golden(FILE))).toBeGreaterThanOrEqual(0.99); // its colours went through YUV
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

test("files of every format", async ({ tab }) => {
  const files = images.map(({ file }) => file);
  const embeddings = await tab.evaluate(async (files) => {
    const all: number[][] = [];
    for await (const { embedding } of clip.embedMany(files.map((file) => `/golden/images/${file}`))) all.push(Array.from(embedding ?? []));
    return all;
  }, files);
  for (const [index, { file, lossy }] of images.entries()) {
    expect.soft(cosine(embeddings[index]!, golden(file)), file).toBeGreaterThanOrEqual(0.9999);
    if (!lossy) expect.soft(maxDifference(embeddings[index]!, golden(file)), file).toBeLessThanOrEqual(1e-4);
  }
});

test("pictures that lie on their side are upright, whoever decodes them", async ({ tab }) => {
  for (const file of ["exif-6.jpg", "exif-3.jpg"]) {
    const { width, height } = images.find((image) => image.file === file)!;
    for (const [kind, answer] of Object.entries(await embedEach(tab, "upright", file))) {
      expect.soft(answer, `${kind} of ${file}`).toMatchObject({ width, height });
      expect.soft(cosine((answer as Answer).embedding, golden(file)), `${kind} of ${file}`).toBeGreaterThanOrEqual(0.999);
    }
  }
});

test("of pictures that are not opaque the colours count as they are stored; or as a canvas keeps them", async ({ tab }) => {
  for (const { file } of translucentImages) {
    for (const [kind, answer] of Object.entries(await embedEach(tab, "translucent", file))) {
      expect.soft(maxDifference((answer as Answer).embedding, golden(file)), `${kind} of ${file}`).toBeLessThanOrEqual(1e-4);
    }
    const { "a canvas as PNG": reference, ...answers } = await embedEach(tab, "multiplied", file);
    for (const [kind, answer] of Object.entries(answers)) {
      const same = cosine((answer as Answer).embedding, (reference as Answer).embedding);
      expect.soft(same, `${kind} of ${file}`).toBeGreaterThanOrEqual(0.998); // its readings of a canvas round differently
    }
  }
});

test("over a background all pictures that are not opaque are the same, whatever keeps them", async ({ tab }) => {
  const options = { background: [250, 40, 90] };
  const whole = await embedEach(tab, "translucent", "rgba.png", options);
  const reference = (whole["a File"] as Answer).embedding;
  for (const [kind, answer] of Object.entries({ ...whole, ...(await embedEach(tab, "multiplied", "rgba.png", options)) })) {
    expect.soft(cosine((answer as Answer).embedding, reference), kind).toBeGreaterThanOrEqual(0.999);
  }
});

test("what has no picture is refused with a code", async ({ tab }) => {
  for (const [kind, answer] of Object.entries(await embedEach(tab, "hopeless"))) {
    const code = /<img> that/.test(kind) ? "decode" : "invalid-argument";
    expect.soft(answer, kind).toBe(`ClipVisionError ${code}`);
  }
});

test("a format that only the browser decodes", async ({ tab }) => {
  const answer = await tab.evaluate(async () => {
    const { decoder, width, height, embedding } = await clip.embed("/golden/foreign/photo.avif", { details: true });
    return { decoder, width, height, embedding: Array.from(embedding) };
  });
  expect(answer).toMatchObject({ decoder: "browser", width: 160, height: 120 });
  expect(cosine(answer.embedding, golden(FILE))).toBeGreaterThanOrEqual(0.99);
});
