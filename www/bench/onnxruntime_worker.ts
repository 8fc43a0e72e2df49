/** Measures a tower in onnxruntime-web. */

import { BATCH, measure, type Contender } from "./measure.ts";
import { EMBEDDINGS, PIXELS, WEIGHTS, onnxOf, type Onnx } from "./onnx.ts";
import type { Answer, Asked } from "./onnxruntime.ts";

/** What is used of onnxruntime-web. */
interface Runtime {
  env: { wasm: { numThreads: number; wasmPaths: string } };
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => Tensor;
  InferenceSession: {
    create(graph: Uint8Array, options: object): Promise<{ run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>> }>;
  };
}
interface Tensor {
  getData(): Promise<Float32Array>;
}

const answer = (message: Answer): void => postMessage(message);

addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  answer({ doing: "making weights" });
  const model = onnxOf(data.shape);
  measure(
    () => load(data, model),
    (doing) => answer({ doing }),
  ).then(
    (measured) => answer({ measured }),
    (error: unknown) => answer({ failed: error instanceof Error ? error.message : String(error) }),
  );
});

async function load({ shape, device, threads, script, folder, pixels }: Asked, { graph, weights }: Onnx): Promise<Contender> {
  const runtime = (await import(/* @vite-ignore */ script)) as Runtime;
  Object.assign(runtime.env.wasm, { numThreads: threads, wasmPaths: folder });
  const session = await runtime.InferenceSession.create(graph, {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    externalData: [{ path: WEIGHTS, data: new Uint8Array(weights.buffer) }],
  });
  const run = async (count: number): Promise<Float32Array> => {
    const data = new Float32Array(count * pixels.length);
    for (let index = 0; index < count; index += 1) data.set(pixels, index * pixels.length);
    const { [EMBEDDINGS]: output } = await session.run({ [PIXELS]: new runtime.Tensor("float32", data, [count, 3, shape.image, shape.image]) });
    if (!output) throw new Error("nothing came out");
    return output.getData();
  };
  return {
    async embed() {
      const begin = performance.now();
      const embedding = await run(1);
      return { embedding, time: performance.now() - begin };
    },
    async embedMany(count) {
      for (let left = count; left > 0; left -= BATCH) await run(Math.min(left, BATCH));
    },
  };
}
