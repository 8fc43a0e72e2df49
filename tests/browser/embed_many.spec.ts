/** `embedMany`: photos as they come, over crashes and over several workers. */

import { fileURLToPath } from "node:url";
import { expected, maxDifference } from "./golden.ts";
import { expect, open, test } from "./test.ts";

const MODEL = "/golden/models/odd-widths";
const golden = expected("odd-widths").values("embedding/rgb-photo.png")!;

test("it goes on over crashes: they cost the photos that caused them", async ({ page, server }) => {
  const asked = server.requests.length;
  const files = ["rgb-photo.png", "PANIC", "rgb.bmp", "gray.png", "ALLOC", "still.gif", "rgb.tiff"];
  const answer = await page.evaluate(
    async ({ model, files }) => {
      const clip = await clipVision.ClipVision.load(model, { worker: () => new Worker("/fixtures/crashing_worker.js", { type: "module" }) });
      const photos = files.map((file) => (file.includes(".") ? `/golden/images/${file}` : new TextEncoder().encode(file)));
      const results: (number[] | string)[] = [];
      for await (const { embedding, error } of clip.embedMany(photos)) results.push(error ? error.code : Array.from(embedding));
      clip.close();
      return results;
    },
    { model: MODEL, files },
  );
  expect(answer[1]).toBe("decode");
  expect(answer[4]).toBe("out-of-memory");
  for (const [index, file] of files.entries()) {
    if (!file.includes(".")) continue;
    const python = expected("odd-widths").embedding(file)!;
    expect(maxDifference(answer[index] as number[], python), file).toBeLessThanOrEqual(1e-4);
  }
  expect(server.requests.slice(asked).filter((path) => path === "/fixtures/crashing_worker.js")).toHaveLength(3);
});

test("several workers share the photos, and end with it", async ({ page }) => {
  const before = page.workers().length;
  const embeddings = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model);
    const all: number[][] = [];
    for await (const { embedding } of clip.embedMany(Array<string>(90).fill("/golden/images/rgb-photo.png"), { workers: 3 })) {
      all.push(Array.from(embedding!));
    }
    return all;
  }, MODEL);
  expect(embeddings).toHaveLength(90);
  for (const embedding of embeddings) expect(maxDifference(embedding, golden)).toBeLessThanOrEqual(1e-4);
  await expect.poll(() => page.workers().length).toBe(before + 1);
});

test("where there are threads, workers without a model prepare the photos", async ({ page, serve }) => {
  await open(page, await serve({ isolated: true }));
  const started: string[] = [];
  page.on("worker", (worker) => started.push(worker.url()));
  const files = ["rgb-photo.png", "gray.png", "lossless.webp"];
  const found = await page.evaluate(
    async ({ model, files }) => {
      const clip = await clipVision.ClipVision.load(model, { threads: 2 });
      const { threads } = clip.info;
      const alone: number[][] = [];
      for (const file of files) alone.push(Array.from(await clip.embed(`/golden/images/${file}`)));
      const many: { at: number; difference: number }[] = [];
      const photos = Array.from({ length: 60 }, (_, index) => ({ at: index % files.length }));
      for await (const { item, embedding } of clip.embedMany(photos, { workers: 3, photo: ({ at }) => `/golden/images/${files[at]}` })) {
        many.push({ at: item.at, difference: Math.max(...alone[item.at]!.map((value, index) => Math.abs(value - embedding![index]!))) });
      }
      const bad = [];
      for await (const { error } of clip.embedMany(["/golden/config.json", "/nothing.png"], { workers: 1 })) bad.push(error!.code);
      clip.close();
      return { threads, many, bad };
    },
    { model: MODEL, files },
  );
  expect(found.threads).toBe(2);
  expect(found.many.map(({ at }) => at)).toEqual(Array.from({ length: 60 }, (_, index) => index % files.length));
  for (const { difference } of found.many) expect(difference).toBeLessThanOrEqual(1e-5);
  expect(found.bad).toEqual(["fetch", "fetch"]);
  expect(started.filter((url) => url.endsWith("/worker.js")).length).toBeGreaterThanOrEqual(1 + 3 + 1);
  await expect.poll(() => page.workers().length).toBe(0);
});

test("files that a user picks go in as they are", async ({ page }) => {
  const names = ["rgb-photo.png", "lossless.webp", "gray.png"];
  await page.evaluate(() => document.body.append(Object.assign(document.createElement("input"), { type: "file", multiple: true })));
  await page.setInputFiles("input", names.map((file) => fileURLToPath(new URL(`../golden/images/${file}`, import.meta.url))));
  const embeddings = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model);
    const { files } = document.querySelector("input")!;
    const [all, totals]: [number[][], unknown[]] = [[], []];
    for await (const { embedding } of clip.embedMany(files!, { onProgress: ({ total }) => totals.push(total) })) {
      all.push(Array.from(embedding!));
    }
    clip.close();
    return { all, totals };
  }, MODEL);
  expect(embeddings.totals).toEqual([3, 3, 3]);
  names.forEach((file, index) => {
    const python = expected("odd-widths").embedding(file)!;
    expect(maxDifference(embeddings.all[index]!, python), file).toBeLessThanOrEqual(1e-4);
  });
});

test("an abort ends the loop", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model);
    const controller = new AbortController();
    const photos = Array.from({ length: 40 }, () => "/golden/images/rgb-photo.png");
    let seen = 0;
    try {
      for await (const result of clip.embedMany(photos, { signal: controller.signal })) {
        if (result.embedding) seen += 1;
        if (seen === 3) controller.abort("enough");
      }
    } catch (error) {
      return { seen, error, length: (await clip.embed(photos[0]!)).length };
    }
    return undefined;
  }, MODEL);
  expect(answer).toEqual({ seen: 3, error: "enough", length: 37 });
});
