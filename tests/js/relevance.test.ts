/** Relevance: that nothing is found where nothing is, measured with the model of models/shapes; and what it is made of. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ClipVision } from "clip-vision";
import { Embeddings } from "clip-vision/search";
import { Safetensors } from "../browser/golden.ts";

const file = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Numbers in 0..1 that are the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describe("what is relevant", () => {
  it("among drawn shapes: 90 % of what is there, and for 5 % of what is not there something", async () => {
    const { captions, pictures } = JSON.parse(readFileSync(file("tests/golden/shapes.json"), "utf8")) as {
      captions: [text: string, ids: number[]][];
      pictures: [name: string, caption: number][];
    };
    const files = new Safetensors(readFileSync(file("tests/golden/shapes.safetensors")));
    const clip = await ClipVision.load(file("models/shapes"));
    const [photos, texts]: Float32Array[][] = [[], []];
    for (const [name] of pictures) photos!.push(await clip.embed(files.bytes(name)!));
    for (const [text] of captions) texts!.push(await clip.embedText(text));
    clip.close();

    const next = random(7);
    for (const precision of ["f32", "int8"] as const) {
      const all = { there: 0, found: 0, absent: 0, false: 0 };
      for (const part of [0.3, 0.5, 0.85]) {
        const counts = { there: 0, found: 0, absent: 0, false: 0 };
        for (let round = 0; round < 8; round += 1) {
          // A part of the pictures; half of the captions are the background, whether their pictures are there or not.
          const collection = new Embeddings<number>({ precision });
          const ids = pictures.map((_, i) => i).filter(() => next() < part);
          await collection.addMany(ids, ids.map((i) => photos![i]!));
          const asked = texts!.map(() => next() < 0.5);
          const background = texts!.filter((_, i) => !asked[i]);
          for (const [i, query] of texts!.entries()) {
            if (!asked[i]) continue;
            const found = await collection.search(query, 100, { relevance: { queries: background } });
            const right = ids.find((id) => pictures[id]![1] === i);
            counts[right === undefined ? "absent" : "there"] += 1;
            if (right === undefined) counts.false += Number(found.length > 0);
            else counts.found += Number(found.some(({ id }) => id === right));
          }
          collection.close();
        }
        const shares = `${((100 * counts.found) / counts.there).toFixed(1)} % of ${counts.there} found, something found for ${((100 * counts.false) / counts.absent).toFixed(1)} % of ${counts.absent} absent`;
        console.log(`relevance, ${precision}, of ${Math.round(88 * part)} pictures: ${shares}`);
        for (const name of Object.keys(all) as (keyof typeof all)[]) all[name] += counts[name];
      }
      expect(all.found / all.there).toBeGreaterThanOrEqual(0.9);
      expect(all.false / all.absent).toBeLessThanOrEqual(0.05);
    }
  }, 60_000);

  it("is how far a cosine is above the query's mean, in spreads of the background", async () => {
    const next = random(3);
    const vector = (): Float32Array => Float32Array.from({ length: 24 }, () => next() - 0.3);
    const rows = Array.from({ length: 200 }, vector);
    const background = Array.from({ length: 30 }, vector);
    const query = rows[17]!;
    const unit = (v: Float32Array): Float32Array => v.map((x) => x / Math.hypot(...v));
    const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
    const units = rows.map(unit);
    const mean = (v: number[]): number => v.reduce((sum, x) => sum + x, 0) / v.length;
    const above = (q: Float32Array): number[] => {
      const direction = unit(q);
      const scores = units.map((row) => dot(direction, row));
      const common = mean(scores);
      return scores.map((x) => x - common);
    };
    const spread = Math.sqrt(mean(background.flatMap(above).map((x) => x ** 2)));

    const photos = new Embeddings<number>();
    await photos.addMany(rows.map((_, i) => i), rows);
    const expected = above(query).map((x, id) => ({ id, relevance: x / spread })).sort((a, b) => b.relevance - a.relevance);
    const found = await photos.search(query, 200, { relevance: { queries: background, least: 1 } });
    expect(found.map(({ id }) => id)).toEqual(expected.filter(({ relevance }) => relevance >= 1).map(({ id }) => id));
    found.forEach(({ relevance }, i) => expect(relevance).toBeCloseTo(expected[i]!.relevance, 4));
    expect(await photos.search(query, 200, { relevance: { queries: background, least: 100 } })).toEqual([]);
    expect(await photos.search(query, 200, { relevance: { queries: background, least: 1 }, threshold: 0.999 })).toMatchObject([{ id: 17 }]);

    // What chance is changes with the rows.
    await photos.remove(...Array.from({ length: 183 }, (_, i) => i + 1).filter((i) => i !== 17));
    const [first] = await photos.search(query, 1, { relevance: { queries: background } });
    expect(first!.id).toBe(17);
    expect(first!.relevance).not.toBeCloseTo(expected[0]!.relevance, 4);
    await photos.remove(...Array.from({ length: 10 }, (_, i) => i + 185));
    expect(await photos.search(query, 200, { relevance: { queries: background } })).toEqual(await photos.search(query, 200)); // too few
    photos.close();
  });

  it("says what makes no sense", async () => {
    const photos = new Embeddings<string>({ model: "ours" });
    expect(await photos.search([1, 0], 1, { relevance: { queries: [] } })).toEqual([]);
    await photos.add("a", [1, 0]);
    for (const [relevance, message] of [
      [{ queries: [] }, /There are no queries to compare with/],
      [{ queries: [[1, 0], [0, 0]] }, /Embedding 1 of the queries to compare with has no length/],
      [{ queries: [[1, NaN]] }, /The queries to compare with hold NaN/],
      [{ queries: [[1, 2, 3]] }, /The 3 values of the queries to compare with cannot be divided into embeddings of 2/],
      [{ queries: [{ embedding: [1, 2], model: "theirs" }] }, /A query to compare with is of the model "theirs", and this collection of "ours"/],
      [{ queries: Promise.resolve([]) as never }, /promise/],
      [{ queries: [[1, 0]], least: NaN }, /least relevance must be a number/],
    ] as const) {
      await expect(photos.search([1, 0], 1, { relevance: relevance as never })).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringMatching(message) });
    }
    expect(await photos.search([1, 0], 1, { relevance: { queries: [[1, 0]] } })).toEqual([{ id: "a", score: 1 }]);
    photos.close();
  });
});
