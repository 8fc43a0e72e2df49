// A GPU by WebGPU, clip-vision beside onnxruntime-web: on software in a GPU's place (SwiftShader), so that what counts is what both ask
// of it, and how they compare. What a real GPU takes, www/bench.html measures on one.

import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { dist } from "../../../scripts/lib.mjs";
import { clipVisionGpu, onnxruntimeGpu } from "../lib/contenders.mjs";
import { cosine, summary } from "../lib/statistics.mjs";
import { nearOne, ratio, spread } from "../lib/table.mjs";
import { peersFolder } from "../setup/peers.mjs";
import { readModel } from "../setup/models.mjs";

const MODEL = "b32";

const sizeOf = (...files) => files.map((file) => readFileSync(file)).reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
/** What each fetches for a GPU, beside what it needs without one, in bytes, gzipped. */
const CODE = {
  "clip-vision": () => sizeOf(path.join(dist, "gpu.js")),
  "onnxruntime-web": () =>
    sizeOf(...["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"].map((file) => path.join(peersFolder, "onnxruntime-web", "dist", file))),
};

export default {
  name: "gpu",
  what: "a GPU by WebGPU, on software in its place: clip-vision beside onnxruntime-web, ViT-B/32, one picture",
  needs: ["package", "peers"],
  models: [MODEL],
  flags: ["--enable-unsafe-webgpu"],
  rounds: 2,
  async run(bench) {
    const { references } = readModel(MODEL);
    const results = [];
    // One after the other, since software in a GPU's place takes every core.
    for (const [name, contender] of [["clip-vision", clipVisionGpu(bench, MODEL)], ["onnxruntime-web", onnxruntimeGpu(bench, MODEL)]]) {
      bench.say(name);
      const runner = await contender.start();
      await runner.gpuCounts(); // those of loading, a probe among them, are not a pass's
      const begin = Date.now();
      const [embedding] = await runner.call("embed", [0]);
      const first = Date.now() - begin;
      const { pipelines } = await runner.gpuCounts();
      const values = [];
      while (values.length < bench.rounds) values.push(await runner.call("forward", [0]));
      const { dispatches } = await runner.gpuCounts();
      results.push({
        name,
        load: runner.facts.load,
        first,
        time: summary(values),
        dispatches: dispatches / bench.rounds,
        pipelines: pipelines || runner.facts.pipelines,
        cosine: cosine(embedding, references[0]),
        code: CODE[name](),
        values,
      });
      await runner.stop();
    }
    const [, peer] = results;
    const rows = results.map(({ name, load, first, time, dispatches, pipelines, cosine, code }) => [
      name,
      dispatches,
      pipelines,
      Math.round(load),
      Math.round(first),
      spread(time),
      name === peer.name ? "" : ratio(time.median / peer.time.median),
      nearOne(cosine),
      (code / 1000).toFixed(1),
    ]);
    return [
      {
        title: "One picture on software in a GPU's place (SwiftShader), milliseconds",
        columns: ["", "dispatches a pass", "pipelines", "load", "first embedding", "warm pass", "of onnxruntime-web's", "cosine to torch", "code, kB gzipped"],
        rows,
        notes: [
          "Load: clip-vision's has the probe in it, a pass for a try and its pipelines; onnxruntime-web makes them with the first embedding. Code: what a GPU needs beside " +
            "the package's other scripts; of onnxruntime-web all that this backend fetches.",
        ],
        raw: results,
      },
    ];
  },
};
