// The contenders in a browser, as `startAll` takes them. `kind` and `threads` decide who is compared with whom.

const ONNX = { f32: "vision_model.onnx", int8: "vision_model_quantized.onnx" };
const DTYPE = { f32: "fp32", int8: "q8" };

/** A peer, in a worker of a tab; `need` names the part of the set-up without which it is skipped. */
const peer = (bench, need, { name, kind, threads }, options) => ({
  name: `${name} ${kind}`,
  kind,
  threads,
  start: () => {
    if (bench.missing[need]) throw new Error(bench.missing[need]);
    return bench.tab("in_worker", options);
  },
});

/** clip-vision through its public API. */
export const clipVision = (bench, model, kind, threads) => ({
  name: `clip-vision ${kind}`,
  kind,
  threads,
  start: async () => {
    const tab = await bench.tab("clip_vision", { model, precision: kind, threads });
    if (tab.facts.threads === threads) return tab;
    await tab.stop();
    throw new Error(`asked for ${threads} threads, it computes on ${tab.facts.threads}`);
  },
});

/** clip-vision on a GPU, or on software in its place. */
export const clipVisionGpu = (bench, model) => ({
  name: "clip-vision",
  start: () => bench.tab("clip_vision_gpu", { model, precision: "f32" }),
});

/** onnxruntime-web's WebGPU backend, with the f32 model. */
export const onnxruntimeGpu = (bench, model) =>
  peer(bench, "peers", { name: "onnxruntime-web", kind: "f32", threads: 1 }, { module: "onnxruntime_gpu", model, file: ONNX.f32 });

/** onnxruntime-web's wasm backend, with the f32 model or the one of `quantize_dynamic`. */
export const onnxruntimeWeb = (bench, model, kind, threads) =>
  peer(bench, "peers", { name: "onnxruntime-web", kind, threads }, { module: "onnxruntime", model, file: ONNX[kind], threads });

/** candle-transformers compiled to wasm with plain SIMD: f32 on one thread. */
export const candle = (bench, model) =>
  peer(bench, "candle", { name: "candle", kind: "f32", threads: 1 }, { module: "candle", model });

/** transformers.js, which runs onnxruntime-web. */
export const transformersJs = (bench, model, kind, threads) =>
  peer(bench, "peers", { name: "transformers.js", kind, threads }, { module: "transformers", model, dtype: DTYPE[kind], threads });
