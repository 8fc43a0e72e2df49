// onnxruntime-web's WebGPU backend, in a worker whose GPU is counted.

import "./gpu_counter.js";
import * as ort from "/peers/onnxruntime-web/dist/ort.webgpu.min.mjs";
import { picturesOf, rows } from "./pictures.js";

export async function start({ model, file }) {
  const { tensor } = await picturesOf(model);
  const began = performance.now();
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/peers/onnxruntime-web/dist/";
  const session = await ort.InferenceSession.create(`/models/${model}/onnx/${file}`, {
    executionProviders: ["webgpu"],
    graphOptimizationLevel: "all",
  });
  const run = async (indices) => {
    const { data, shape } = tensor(indices);
    const input = new ort.Tensor("float32", data, shape);
    const begin = performance.now();
    const { image_embeds: embeds } = await session.run({ pixel_values: input });
    const values = await embeds.getData();
    return { ms: performance.now() - begin, values };
  };
  return {
    facts: { load: performance.now() - began },
    forward: async (indices) => (await run(indices)).ms,
    embed: async (indices) => rows((await run(indices)).values, indices.length),
  };
}
