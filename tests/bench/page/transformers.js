// transformers.js, in a worker: from a photo's bytes to its embedding.

import { AutoProcessor, CLIPVisionModelWithProjection, RawImage, env } from "/peers/@huggingface/transformers/dist/transformers.min.js";
import { photo } from "./pictures.js";

export async function start({ model, dtype, threads }) {
  const began = performance.now();
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/models/";
  env.useBrowserCache = false;
  env.useWasmCache = false;
  env.backends.onnx.wasm.wasmPaths = "/peers/@huggingface/transformers/node_modules/onnxruntime-web/dist/";
  env.backends.onnx.wasm.numThreads = threads;
  const processor = await AutoProcessor.from_pretrained(model);
  const clip = await CLIPVisionModelWithProjection.from_pretrained(model, { dtype, device: "wasm" });
  const photos = new Map();
  return {
    facts: { load: performance.now() - began },
    readPhoto: async (name) => void photos.set(name, await photo(name)),
    embedPhoto: async (name) => {
      const begin = performance.now();
      const image = await RawImage.fromBlob(new Blob([photos.get(name)]));
      const { image_embeds: embeds } = await clip(await processor(image));
      return { ms: performance.now() - begin, embedding: Array.from(embeds.data) };
    },
  };
}
