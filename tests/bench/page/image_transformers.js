// transformers.js from a file's bytes to the tensor that CLIP sees, in a worker.

import { AutoProcessor, RawImage, env } from "/peers/@huggingface/transformers/dist/transformers.min.js";

export async function start({ model }) {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/models/";
  env.useBrowserCache = false;
  const processor = await AutoProcessor.from_pretrained(model);
  const files = new Map();
  return {
    facts: {},
    readImage: async (name) => void files.set(name, new Blob([await (await fetch(`/models/images/${name}`)).arrayBuffer()])),
    tensor: async (name) => {
      const begin = performance.now();
      await processor(await RawImage.fromBlob(files.get(name)));
      return performance.now() - begin;
    },
  };
}
