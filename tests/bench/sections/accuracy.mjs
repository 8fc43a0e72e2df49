// How far each arithmetic is from torch's f32, over all pictures: plain weights, and weights with outliers.

import { clipVision, onnxruntimeWeb } from "../lib/contenders.mjs";
import { cosine, median, worst } from "../lib/statistics.mjs";
import { nearOne } from "../lib/table.mjs";
import { reasonOf, startAll } from "../lib/turns.mjs";
import { readModel } from "../setup/models.mjs";

const MODELS = ["b32", "b32-outlier", "tiny", "tiny-outlier"];
const BATCH = 5;

/** The cosine of each picture. */
async function cosinesOf(runner, references) {
  const cosines = [];
  while (cosines.length < references.length) {
    const indices = Array.from({ length: Math.min(BATCH, references.length - cosines.length) }, (_, i) => cosines.length + i);
    const embeddings = await runner.call("embed", indices);
    cosines.push(...embeddings.map((embedding, i) => cosine(embedding, references[indices[i]])));
  }
  return cosines;
}

export default {
  name: "accuracy",
  what: "cosine to torch's f32 embeddings, in Chromium",
  needs: ["browser"],
  models: MODELS,
  async run(bench) {
    const rows = [];
    const skipped = [];
    const notes = [];
    for (const model of MODELS) {
      const { references, between_pictures: alike } = readModel(model);
      for (const kind of ["f32", "int8"]) {
        for (const make of [clipVision, onnxruntimeWeb]) {
          const [{ name, runner, reason }] = await startAll([make(bench, model, kind, 1)], bench.say);
          try {
            if (reason) throw new Error(reason);
            const cosines = await cosinesOf(runner, references);
            rows.push([model, name, nearOne(worst(cosines)), nearOne(median(cosines)), cosines.length]);
          } catch (error) {
            skipped.push({ name: `${name} with ${model}`, reason: reasonOf(error) });
          } finally {
            await runner?.stop();
          }
        }
      }
      notes.push(`${model}: two different pictures have a cosine of ${alike.median.toFixed(2)} in the median, ${alike.most.toFixed(2)} at most.`);
    }
    const columns = ["model", "", "worst cosine", "median", "pictures"];
    return [{ title: "Cosine to torch's f32", columns, rows, skipped, notes: [notes.join(" ")] }];
  },
};
