// The first embedding of a page that has just been opened, as a quickstart of each has it: on the page, with the package's own cache.

const PHOTO = "/photos/640x480.jpg";

const CONTENDERS = {
  async "clip-vision"(model, precision) {
    const { ClipVision } = await import("/dist/index.js");
    const clip = await ClipVision.load(model, { precision, hub: { endpoint: `${location.origin}/hub` } });
    return { embed: (photo) => clip.embed(photo), many: (photos) => clip.embedMany(photos), close: () => clip.close() };
  },
  async "transformers.js"(model, dtype) {
    const { AutoProcessor, CLIPVisionModelWithProjection, RawImage, env } = await import("/peers/@huggingface/transformers/dist/transformers.min.js");
    env.allowLocalModels = false;
    env.remoteHost = `${location.origin}/hub/`;
    env.backends.onnx.wasm.wasmPaths = "/peers/@huggingface/transformers/node_modules/onnxruntime-web/dist/";
    const processor = await AutoProcessor.from_pretrained(model);
    const clip = await CLIPVisionModelWithProjection.from_pretrained(model, { dtype, device: "wasm" });
    const embed = async (photo) => (await clip(await processor(await RawImage.fromBlob(photo)))).image_embeds.data;
    return {
      embed,
      many: async function* (photos) {
        for (const photo of photos) yield { embedding: await embed(photo) };
      },
      close: () => clip.dispose(),
    };
  },
};

let contender;

const photoOf = async () => (await fetch(PHOTO)).blob();

globalThis.first = {
  /** Milliseconds from before the first script is asked for until the first embedding is there. */
  async embed(name, model, precision) {
    const photo = await photoOf();
    const begin = performance.now();
    contender = await CONTENDERS[name](model, precision);
    const embedding = await contender.embed(photo);
    return { ms: performance.now() - begin, values: embedding.length };
  },
  /** Embeds so many photos; how many became embeddings. */
  async many(count) {
    const photo = await photoOf();
    let done = 0;
    for await (const { embedding } of contender.many(Array.from({ length: count }, () => photo))) done += embedding ? 1 : 0;
    return done;
  },
  async close() {
    await contender.close();
    contender = undefined;
  },
};
