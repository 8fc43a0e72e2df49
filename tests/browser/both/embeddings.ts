/** Every golden photo through a golden model: what the page gets is what Python computed. */

import { expect } from "@playwright/test";
import { cosine, expected, images, maxDifference } from "../golden.ts";
import type { Test } from "./tab.ts";

export function testEmbeddings(test: Test, model: string): void {
  test(`${model}: embeddings equal transformers'`, async ({ tab }) => {
    const files = images.map(({ file }) => file);
    const embeddings = await tab.evaluate(
      async ({ model, files }) => {
        const clip = await clipVision.ClipVision.load(`./golden/models/${model}`);
        const all: (number[] | string)[] = [];
        for await (const { embedding, error } of clip.embedMany(files.map((file) => `/golden/images/${file}`))) {
          all.push(error ? `${error.code}: ${error.message}` : Array.from(embedding));
        }
        clip.close();
        return all;
      },
      { model, files },
    );
    const golden = expected(model);
    for (const [index, { file, lossy }] of images.entries()) {
      const embedding = embeddings[index]!;
      const python = golden.embedding(file)!;
      expect(embedding, file).toBeInstanceOf(Array);
      expect(cosine(embedding as number[], python), `${file}: cosine`).toBeGreaterThanOrEqual(0.9999);
      if (!lossy) expect(maxDifference(embedding as number[], python), `${file}: difference`).toBeLessThanOrEqual(1e-4);
    }
  });
}
