// The package as tests in jsdom meet it: a document and its classes in place of Node's own.

import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM('<img src="cat.jpg">', { url: "https://app.test/" });
for (const name of ["window", "document", "location", "Blob", "File", "FileReader", "AbortController", "AbortSignal", "URL", "Image"]) {
  Object.defineProperty(globalThis, name, { value: name === "window" ? window : window[name], configurable: true, writable: true });
}
const { ClipVision } = await import("clip-vision");
const { Embeddings } = await import("clip-vision/search");

const [, , model, photo] = process.argv;
const picked = (file) => new File([readFileSync(file)], "picked");
const clip = await ClipVision.load({ config: picked(`${model}/config.json`), preprocessor: picked(`${model}/preprocessor_config.json`), weights: readFileSync(`${model}/model.safetensors`) });
const embedding = await clip.embed(picked(photo));
const photos = new Embeddings();
await photos.add("photo", embedding);
const file = new File([await (await photos.toBlob()).arrayBuffer()], "photos");
const controller = new AbortController();
const canceled = clip.embed(photo, { signal: controller.signal }).catch(({ name }) => name);
controller.abort();
console.log(JSON.stringify({
  embedding: Array.from(embedding),
  found: (await (await Embeddings.load(file)).search(embedding, 1))[0].id,
  element: await clip.embed(document.querySelector("img")).catch(({ code }) => code),
  canceled: await canceled,
}));
