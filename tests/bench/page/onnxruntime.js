// onnxruntime-web's WebAssembly backend, in a worker.

import * as ort from "/peers/onnxruntime-web/dist/ort.wasm.min.mjs";
import { picturesOf, rows } from "./pictures.js";

export async function start({ model, file, threads }) {
  const { tensor } = await picturesOf(model);
  const began = performance.now();
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = "/peers/onnxruntime-web/dist/";
  const session = await ort.InferenceSession.create(`/models/${model}/onnx/${file}`, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const run = async (indices) => {
    const { data, shape } = tensor(indices);
    const input = new ort.Tensor("float32", data, shape);
    const begin = performance.now();
    const { image_embeds: embeds } = await session.run({ pixel_values: input });
    return { ms: performance.now() - begin, embeds };
  };
  return {
    facts: { load: performance.now() - began },
    forward: async (indices) => (await run(indices)).ms,
    embed: async (indices) => rows((await run(indices)).embeds.data, indices.length),
  };
}
