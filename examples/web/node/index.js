// node index.js MODEL PHOTO…: what each photo shows, and which of them is nearest to a text.

import { ClipVision } from "clip-vision";
import { Embeddings } from "clip-vision/search";

const LABELS = ["red circle", "blue square", "green star"];

// A folder (models/shapes), or a model of the Hub (openai/clip-vit-base-patch32), which is kept on disk.
const [model, ...photos] = process.argv.slice(2);
if (!model || photos.length === 0) {
  console.error("usage: node index.js MODEL PHOTO…");
  process.exit(2);
}

const clip = await ClipVision.load(model, { onProgress: ({ overall }) => process.stderr.write(`\r${Math.round(100 * overall)} %`) });
process.stderr.write("\n");

const collection = new Embeddings();
for await (const { item, embedding, error } of clip.embedMany(photos)) {
  if (error) {
    console.error(`${item}: ${error.message}`); // one bad photo spoils no other
    process.exitCode = 1;
    continue;
  }
  const [best] = await clip.classify(embedding, LABELS);
  console.log(`${item}: ${best.label} (${(100 * best.score).toFixed(1)} %)`);
  await collection.add(item, embedding);
}

const [nearest] = await collection.search(await clip.embedText(LABELS[0]), 1);
if (nearest) console.log(`nearest to "${LABELS[0]}": ${nearest.id}`);
clip.close();
collection.close();
