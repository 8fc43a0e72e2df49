/** Every golden photo through every golden model: what the page gets is what Python computed. */

import { testEmbeddings } from "./both/embeddings.ts";
import { expected, images, maxDifference, models } from "./golden.ts";
import { expect, test } from "./test.ts";

for (const model of models) {
  testEmbeddings(test, model);

  const golden = expected(model);
  const files = images.map(({ file }) => file).filter((file) => golden.entries.has(`pixels/${file}`));
  // Two of the models have no pixel tensors among their goldens (tests/golden/README.md).
  if (files.length === 0) continue;

  test(`${model}: pixel tensors equal transformers'`, async ({ page }) => {
    const tensors = await page.evaluate(
      async ({ model, files }) => {
        const clip = await clipVision.ClipVision.load(`./golden/models/${model}`);
        const all: { data: number[]; shape: number[]; size: number }[] = [];
        for (const file of files) {
          const { data, shape } = await clip.tensor(`/golden/images/${file}`, { background: "drop" });
          all.push({ data: Array.from(data), shape, size: clip.info.imageSize });
        }
        clip.close();
        return all;
      },
      { model, files },
    );
    for (const [index, file] of files.entries()) {
      const { data, shape, size } = tensors[index]!;
      expect(shape, file).toEqual([3, size, size]);
      expect(maxDifference(data, golden.values(`pixels/${file}`)!), file).toBeLessThanOrEqual(1e-6);
    }
  });
}
