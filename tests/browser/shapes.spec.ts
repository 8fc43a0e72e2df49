/** Meaning, through the built package: the model of models/shapes names drawings that it never saw, and finds them by text. */

import { readFileSync } from "node:fs";
import { Safetensors } from "./golden.ts";
import { expect, test } from "./test.ts";

const read = (file: string): Buffer => readFileSync(new URL(`../golden/${file}`, import.meta.url));
const { captions, pictures: drawings } = JSON.parse(read("shapes.json").toString()) as {
  captions: [text: string, ids: number[]][];
  pictures: [name: string, caption: number][];
};
const files = new Safetensors(read("shapes.safetensors"));
const texts = captions.map(([text]) => text);

for (const precision of ["f32", "int8"] as const) {
  test(`drawings and captions find each other, ${precision}`, async ({ page, server }) => {
    for (const [name] of drawings) server.files.set(`/shapes/${name}`, files.bytes(name)!);
    const found = await page.evaluate(
      async ({ precision, names, texts }) => {
        const clip = await clipVision.ClipVision.load("/models/shapes/", { precision });
        const labels: number[] = [];
        for (const name of names) {
          const [best] = await clip.classify(`/shapes/${name}`, texts, { template: "{}" });
          labels.push(texts.indexOf(best!.label));
        }
        const photos: Float32Array[] = [];
        for await (const result of clip.embedMany(names.map((name) => `/shapes/${name}`))) {
          if (result.embedding) photos.push(result.embedding);
        }
        const nearest = async (text: string): Promise<number> => {
          const query = await clip.embedText(text);
          const cosines = photos.map((photo) => clipVision.cosineSimilarity(photo, query));
          return cosines.indexOf(Math.max(...cosines));
        };
        const results: number[] = [];
        for (const text of texts) results.push(await nearest(text));
        clip.close();
        return { labels, results, photos: photos.length };
      },
      { precision, names: drawings.map(([name]) => name), texts },
    );
    expect(found.photos).toBe(drawings.length);
    const right = drawings.filter(([, caption], index) => found.labels[index] === caption).length;
    expect(right / drawings.length, `${right} of ${drawings.length} labeled`).toBeGreaterThanOrEqual(0.95);
    const hits = texts.filter((_, index) => drawings[found.results[index]!]![1] === index).length;
    expect(hits / texts.length, `${hits} of ${texts.length} found`).toBeGreaterThanOrEqual(0.95);
  });
}
