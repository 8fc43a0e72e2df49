/**
 * The families beside OpenAI's CLIP, and open_clip's files: what the page gets of photos is what Python computed. Of texts there
 * are ids alone, but of models whose tokenizers are here.
 */

import { readdirSync, readFileSync } from "node:fs";
import { cosine, maxDifference, Safetensors } from "./golden.ts";
import { expect, test } from "./test.ts";

interface Facts {
  pictures: string[];
  scores: "softmax" | "sigmoid" | null;
  /** Ids. */
  texts?: number[][];
  strings?: string[];
}

/** A model of texts alone: its texts are Python's, from the server and from the cache, and it says of photos that they are none of its. */
function textsAlone(name: string, golden: Safetensors, strings: string[]): void {
  test(`${name}: texts are Python's, and photos are refused`, async ({ page, server }) => {
    await page.evaluate(() => clipVision.deleteCached());
    for (const precision of ["f32", "int8", "f32"] as const) {
      server.requests.length = 0;
      const found = await page.evaluate(
        async ({ name, precision, strings }) => {
          const { load } = clipVision.ClipVision;
          const overall: number[] = [];
          const clip = await load(`/golden/families/${name}`, { precision, onProgress: (progress) => void overall.push(progress.overall) });
          const embeddings = (await clip.embedTexts(strings)).map((one) => Array.from(one));
          const refused = await clip.embed("/golden/images/gray.png").then(String, (error: Error & { code: string }) => `${error.code}: ${error.message}`);
          const found = await clip.classify(Float32Array.from(embeddings[0]!), strings.slice(0, 3), { template: "{}" });
          clip.close();
          return { info: clip.info, embeddings, refused, overall, best: found[0]?.label };
        },
        { name, precision, strings },
      );
      expect(found.info).toMatchObject({ task: "texts", dimension: 26, imageSize: 0, scores: "softmax", precision });
      expect(found.refused).toMatch(/^invalid-argument: .*no vision tower/);
      expect(found.best).toBe(strings[0]);
      expect(found.overall.at(-1)).toBe(1);
      for (const [index, embedding] of found.embeddings.entries()) {
        const python = golden.values(`text/${index}`)!;
        const length = Math.hypot(...python);
        if (precision === "int8") expect(cosine(embedding, python), strings[index]).toBeGreaterThanOrEqual(0.999);
        else expect(maxDifference(embedding, python.map((value) => value / length)), strings[index]).toBeLessThanOrEqual(1e-5);
      }
      const dense = server.requests.filter((path) => path.endsWith("2_Dense/model.safetensors")).length;
      expect(dense > 0, "the third time it is in the cache").toBe(server.requests.some((path) => path.endsWith(`${name}/model.safetensors`)));
    }
    expect(server.requests.filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  });
}

/** Texts of a model that has a tokenizer here are Python's, from the server and from the cache. */
function textsToo(name: string, golden: Safetensors, strings: string[]): void {
  test(`${name}: texts are Python's`, async ({ page, server }) => {
    await page.evaluate(() => clipVision.deleteCached());
    const tokenizers = () => server.requests.filter((path) => /\/(vocab\.txt|tokenizer\.json)$/.test(path)).length;
    for (const precision of ["f32", "int8", "f32"] as const) {
      server.requests.length = 0;
      const found = await page.evaluate(
        async ({ name, precision, strings }) => {
          const clip = await clipVision.ClipVision.load(`/golden/families/${name}`, { precision });
          const embeddings = (await clip.embedTexts(strings)).map((one) => Array.from(one));
          const labels = await clip.classify("/golden/images/gray.png", strings.slice(0, 3), { template: "{}" });
          clip.close();
          return { embeddings, sum: labels.reduce((sum, { score }) => sum + score, 0) };
        },
        { name, precision, strings },
      );
      expect(found.sum).toBeCloseTo(1, 5);
      for (const [index, embedding] of found.embeddings.entries()) {
        const python = golden.values(`text/${index}`)!;
        const length = Math.hypot(...python);
        if (precision === "int8") expect(cosine(embedding, python), strings[index]).toBeGreaterThanOrEqual(0.999);
        else expect(maxDifference(embedding, python.map((value) => value / length)), strings[index]).toBeLessThanOrEqual(1e-5);
      }
    }
    expect(tokenizers(), "the third time it is in the cache").toBe(0);
  });
}

const FOLDER = new URL("../golden/families/", import.meta.url);

for (const name of readdirSync(FOLDER).sort()) {
  const read = (file: string): Buffer => readFileSync(new URL(`${name}/${file}`, FOLDER));
  const golden = new Safetensors(read("expected.safetensors"));
  const { pictures, scores, strings, texts = [] } = JSON.parse(read("expected.json").toString()) as Facts;
  if (strings && pictures.length === 0) {
    textsAlone(name, golden, strings);
    continue;
  }
  if (strings) textsToo(name, golden, strings);

  test(`${name}: pixel tensors and embeddings are Python's, from the server and from the cache`, async ({ page, server }) => {
    await page.evaluate(() => clipVision.deleteCached());
    for (const precision of ["f32", "int8", "f32"] as const) {
      const { all: found, task, scores: kind } = await page.evaluate(
        async ({ name, precision, pictures }) => {
          const clip = await clipVision.ClipVision.load(`/golden/families/${name}`, { precision });
          const { task, scores } = clip.info;
          const all: { pixels: number[]; embedding: number[] }[] = [];
          for (const picture of pictures) {
            const options = { background: "drop" } as const;
            const { data } = await clip.tensor(`/golden/images/${picture}`, options);
            all.push({ pixels: Array.from(data), embedding: Array.from(await clip.embed(`/golden/images/${picture}`, options)) });
          }
          clip.close();
          return { all, task, scores };
        },
        { name, precision, pictures },
      );
      expect({ task, scores: kind }).toEqual({ task: texts.length > 0 ? "photos and texts" : "photos", scores });
      for (const [index, picture] of pictures.entries()) {
        const { pixels, embedding } = found[index]!;
        expect(maxDifference(pixels, golden.values(`${picture}/pixels`)!), picture).toBeLessThanOrEqual(2e-6);
        const python = golden.values(`${picture}/embedding`)!;
        const length = Math.hypot(...python);
        if (precision === "int8") expect(cosine(embedding, python), picture).toBeGreaterThanOrEqual(0.998);
        else expect(maxDifference(embedding, python.map((value) => value / length)), picture).toBeLessThanOrEqual(1e-5);
      }
    }
    expect(server.requests.filter((path) => path.endsWith("model.safetensors") && path.includes(`families/${name}/`)).length).toBeGreaterThan(0);
  });
}
