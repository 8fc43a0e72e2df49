// The first embedding of a page that has just been opened, as a quickstart of each has it: on the page, with the package's own cache.

const PHOTO = "/photos/640x480.jpg";

const CONTENDERS = {
  async "clip-vision"(model, kind) {
    const { ClipVision } = await import("/dist/index.js");
    const clip = await ClipVision.load(`/models/${model}/`, { precision: kind });
    return { embed: (photo) => clip.embed(photo), many: (photos) => clip.embedMany(photos) };
  },
  async "transformers.js"(model, kind) {
    const { AutoProcessor, CLIPVisionModelWithProjection, RawImage, env } = await import("/peers/@huggingface/transformers/dist/transformers.min.js");
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.localModelPath = "/models/";
    env.backends.onnx.wasm.wasmPaths = "/peers/@huggingface/transformers/node_modules/onnxruntime-web/dist/";
    const processor = await AutoProcessor.from_pretrained(model);
    const clip = await CLIPVisionModelWithProjection.from_pretrained(model, { dtype: { f32: "fp32", int8: "q8" }[kind], device: "wasm" });
    return { embed: async (photo) => (await clip(await processor(await RawImage.fromBlob(photo)))).image_embeds.data };
  },
};

let contender;

/** Milliseconds from before the first script is asked for until the first embedding is there. */
globalThis.first = async (name, model, kind) => {
  const photo = await (await fetch(PHOTO)).blob();
  const begin = performance.now();
  contender = await CONTENDERS[name](model, kind);
  const embedding = await contender.embed(photo);
  return { ms: performance.now() - begin, values: embedding.length };
};

/** Embeds so many photos; how many became embeddings. */
globalThis.many = async (count) => {
  const photo = await (await fetch(PHOTO)).blob();
  let done = 0;
  for await (const { embedding } of contender.many(Array.from({ length: count }, () => photo))) done += embedding ? 1 : 0;
  return done;
};
