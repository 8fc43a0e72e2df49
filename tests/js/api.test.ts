/** The public class, in Node: its options, what it warns of, and how it lives with others' objects. */

import { fileURLToPath } from "node:url";
import { ClipVision, type LoadOptions, type LoadWarning } from "clip-vision";
import { Embeddings } from "clip-vision/search";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { images } from "../browser/golden.ts";

const MODEL = fileURLToPath(new URL("../../models/shapes", import.meta.url));
const PHOTO = fileURLToPath(new URL(`../golden/images/${images[0]!.file}`, import.meta.url));

/** What a load warns of, by code; the model is closed again. */
async function warningsOf(options: object): Promise<LoadWarning[]> {
  const warnings: LoadWarning[] = [];
  const clip = await ClipVision.load(MODEL, { threads: 1, ...(options as LoadOptions), onWarning: (one) => warnings.push(one) });
  clip.close();
  return warnings;
}

const failure = (options: object): Promise<unknown> =>
  ClipVision.load(MODEL, options as LoadOptions).then((clip) => clip.close(), (error: unknown) => error);

describe("options", () => {
  it("that there are not are warned of, with what they are called here", async () => {
    const warnings = await warningsOf({ dtype: "q8", workerUrl: "/w.js", frobnicate: 1 });
    expect(warnings.map(({ code }) => code)).toEqual(["unknown-option", "unknown-option", "unknown-option"]);
    expect(warnings[0]!.message).toMatch(/no option "dtype".*precision/);
    expect(warnings[1]!.message).toMatch(/no option "workerUrl".*worker: \(\) => new Worker/);
    expect(warnings[2]!.message).toBe('There is no option "frobnicate": it is ignored');
    expect(await warningsOf({ precision: "int8", cache: { mode: false }, limits: { maxPixels: 9 } })).toEqual([]);
  });

  it("of calls are warned of once, on the console where nobody listens", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const clip = await ClipVision.load(MODEL, { threads: 1 });
    for (let times = 0; times < 2; times += 1) await clip.embed(PHOTO, { latestOnly: true } as never);
    clip.close();
    expect(warn.mock.calls).toEqual([['clip-vision: There is no option "latestOnly": it is ignored; use clip.latest()']]);
    warn.mockRestore();
  });

  it("in groups are checked: a wrong name or value is an error that names it", async () => {
    expect(await failure({ limits: { maxPixel: 5 } })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("limits has no option maxPixel") });
    expect(await failure({ limits: { maxBytes: 0 } })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("maxBytes") });
    expect(await failure({ limits: 5 })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("limits must be {") });
    expect(await failure({ hub: "https://hub.test" })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("hub must be { endpoint, revision }") });
    expect(await failure({ cache: "yes" })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("cache must be") });
    expect(await failure({ cache: { mode: 7 } })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("cache must be") });
  });

  it("that are no object, or no functions, are an error: what `pipeline(task, model)` leads to", async () => {
    for (const wrong of ["Xenova/clip-vit-base-patch32", null, 7]) {
      expect(await failure(wrong as never)).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("Options must be an object") });
    }
    expect(await failure({ onProgress: 1 })).toMatchObject({ code: "invalid-argument", message: "onProgress must be a function, not Number" });
    const clip = await ClipVision.load(MODEL, { threads: 1 });
    await expect(clip.embed(PHOTO, null as never)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(clip.embedText("a", "b" as never)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(clip.classify(PHOTO, ["a"], null as never)).rejects.toMatchObject({ code: "invalid-argument" });
    clip.close();
  });

  it("a token goes with an address, and no error repeats it", async () => {
    expect(await failure({ token: "hf_x" })).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("model at an address") });
    const error = await failure({ token: "two words" });
    expect(error).toMatchObject({ code: "invalid-argument", message: expect.stringContaining("token must be") });
    expect(String(error)).not.toContain("words");
  });
});

describe("a model", () => {
  let clip: ClipVision;
  beforeAll(async () => {
    clip = await ClipVision.load(MODEL, { threads: 1 });
  });
  afterAll(() => clip.close());

  it("works behind the proxies of frameworks, and is left alone by those that look", async () => {
    const seen: unknown[] = [];
    const proxied = new Proxy(clip, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver);
        seen.push(name);
        return value;
      },
    });
    const embedding = await proxied.embed(PHOTO);
    expect(embedding).toEqual(await clip.embed(PHOTO));
    expect(await proxied.latest().embed(PHOTO)).toEqual(embedding);
    const all: Float32Array[] = [];
    for await (const result of proxied.embedMany([PHOTO])) all.push(result.embedding!);
    expect(all).toEqual([embedding]);
    expect(seen).toContain("embed");
    // What Vue looks at before it makes something reactive.
    expect(Object.prototype.toString.call(clip)).toBe("[object ClipVision]");
  });

  it("classifies a photo and its embedding alike, the best label first", async () => {
    const labels = ["a red heart", "a blue ring", "a yellow star"];
    const found = await clip.classify(PHOTO, labels);
    expect(found.map(({ label }) => label).sort()).toEqual([...labels].sort());
    expect(found.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    expect([...found].sort((a, b) => b.score - a.score)).toEqual(found);
    const details = await clip.embed(PHOTO, { details: true });
    expect(await clip.classify(details, labels)).toEqual(await clip.classify(details.embedding, labels));
    expect((await clip.classify(details, labels))[0]!.score).toBeCloseTo(found[0]!.score, 5);
    await expect(clip.classify(new Float32Array(3), labels)).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("3 values") });
    await expect(clip.classify(new Float32Array(clip.info.dimension).fill(NaN), labels)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(clip.classify(PHOTO, "heart")).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("embeds texts together as one by one", async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `a drawing of shape ${index}`);
    const together = await clip.embedTexts(new Set(texts));
    expect(together).toHaveLength(20);
    for (const index of [0, 7, 19]) {
      const alone = await clip.embedText(texts[index]!);
      expect(Math.max(...alone.map((value, at) => Math.abs(value - together[index]![at]!)))).toBeLessThan(1e-5);
    }
    expect(await clip.embedTexts([])).toEqual([]);
    await expect(clip.embedTexts("one" as never)).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("list") });
    await expect(clip.embedTexts([7] as never)).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("A text must be a string") });
  });

  it("gives embeddings that are Blobs' and Responses' as they are, and a collection's", async () => {
    const embedding = await clip.embed(PHOTO);
    expect((await new Response(embedding).arrayBuffer()).byteLength).toBe(4 * clip.info.dimension);
    const photos = new Embeddings<string>();
    await photos.add("one", embedding);
    expect((await photos.search(embedding))[0]).toMatchObject({ id: "one" });
    const proxied = new Proxy(photos, {});
    expect((await proxied.search(embedding))[0]).toMatchObject({ id: "one" });
    expect(proxied.size).toBe(1);
    expect(Object.prototype.toString.call(photos)).toBe("[object Embeddings]");
    photos[Symbol.dispose]?.();
    await expect(photos.search(embedding)).rejects.toMatchObject({ code: "closed" });
  });

  it("is closed by what disposes of it", async () => {
    const one = await ClipVision.load(MODEL, { threads: 1 });
    one[Symbol.dispose]?.();
    await expect(one.embed(PHOTO)).rejects.toMatchObject({ code: "closed" });
    const other = await ClipVision.load(MODEL, { threads: 1 });
    await other[Symbol.asyncDispose]?.();
    await expect(other.embed(PHOTO)).rejects.toMatchObject({ code: "closed" });
  });

  it("has overall progress that begins at nothing, ends with everything, and never goes back", async () => {
    const seen: { overall: number; key: string }[] = [];
    const onProgress: LoadOptions["onProgress"] = ({ overall, ...rest }) => seen.push({ overall, key: JSON.stringify(rest) });
    const one = await ClipVision.load(MODEL, { threads: 1, onProgress });
    one.close();
    expect(seen[0]!.overall).toBe(0);
    expect(seen.at(-1)!.overall).toBe(1);
    seen.forEach(({ overall }, index) => expect(overall).toBeGreaterThanOrEqual(seen[index - 1]?.overall ?? 0));
    seen.forEach(({ key }, index) => expect(key, "nothing is said twice").not.toBe(seen[index - 1]?.key));
  });
});
