// What every consumer builds: the package by its name, a photo, a text, and a collection. What came of it is the page's
// data-result. Paths are relative to the page, as the golden model and photo lie beside it.

import { ClipVision } from "clip-vision";
import { Embeddings, topK } from "clip-vision/search";

export async function run() {
  const result = {};
  try {
    const clip = await ClipVision.load("./golden/models/b32-tiny/", { threads: 2 });
    const embedding = await clip.embed("./golden/images/rgb-photo.png");
    const text = await clip.embedText("a dog on a beach");
    const photos = new Embeddings();
    await photos.addMany(["photo", "text"], [embedding, text]);
    Object.assign(result, {
      embedding: Array.from(embedding),
      text: text.length,
      found: await photos.search(embedding, 1),
      near: topK(text, embedding, 1).length,
      threads: clip.info.threads,
    });
    clip.close();
    photos.close();
  } catch (error) {
    result.error = `${error.code}: ${error.message} (${error.cause?.message})`;
  }
  document.documentElement.dataset.result = JSON.stringify(result);
  return result;
}
