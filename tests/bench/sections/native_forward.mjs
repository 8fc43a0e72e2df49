// The forward pass natively: clip-vision beside candle, onnxruntime and torch, each a process of its own.

import { inRoot } from "../../../scripts/lib.mjs";
import { startProcess } from "../lib/processes.mjs";
import { cosine, summary, worst } from "../lib/statistics.mjs";
import { megabytes, nearOne, ratio, spread } from "../lib/table.mjs";
import { startAll, takeTurns } from "../lib/turns.mjs";
import { picturesFile, readModel } from "../setup/models.mjs";

const upTo = (count) => Array.from({ length: count }, (_, index) => index);
const PEERS = inRoot("tests", "bench", "python", "peers.py");

function contendersOf(bench, folder, threads) {
  const rust = (name, kind, what) => ({
    name,
    kind,
    threads,
    start: () => startProcess(bench.native, [what, folder, picturesFile], { RAYON_NUM_THREADS: String(threads) }),
  });
  const python = (name, kind, ...args) => ({
    name,
    kind,
    threads,
    start: () => {
      if (bench.missing.python) throw new Error(bench.missing.python);
      const [what, file = []] = args;
      return startProcess(bench.python, [PEERS, what, folder, picturesFile, String(threads), ...file], { OMP_NUM_THREADS: String(threads) });
    },
  });
  return [
    rust("clip-vision f32", "f32", "clip-vision-f32"),
    rust("clip-vision int8", "int8", "clip-vision-int8"),
    rust("candle f32", "f32", "candle"),
    python("onnxruntime f32", "f32", "onnxruntime", ["vision_model.onnx"]),
    python("onnxruntime int8", "int8", "onnxruntime", ["vision_model_quantized.onnx"]),
    python("torch f32", "f32", "torch"),
  ];
}

function section({ name, what, model, batches, rounds }) {
  return {
    name,
    what,
    needs: ["native", "python"],
    models: [model],
    rounds,
    async run(bench) {
      const { references, folder } = readModel(model);
      const started = await startAll([1, 2].flatMap((threads) => contendersOf(bench, folder, threads)), bench.say);
      const cosines = [];
      for (const { runner } of started) {
        const embeddings = runner ? await runner.embed(upTo(8)) : [];
        cosines.push(worst(embeddings.map((embedding, index) => cosine(embedding, references[index]))));
      }
      const timed = [];
      for (const batch of batches) {
        timed.push(await takeTurns(started, (runner) => runner.forward(upTo(batch)), { rounds: bench.rounds, warmUp: 1 }));
      }
      const peaks = started.map(({ runner }) => runner?.peakMemory());
      for (const { runner } of started) await runner?.stop();

      const [first] = timed;
      const rows = first.flatMap(({ name, kind, threads, reason }, index) => {
        if (reason) return [];
        const isPeer = (other) => other.name === `onnxruntime ${kind}` && other.threads === threads;
        const cells = timed.flatMap((results) => {
          const time = summary(results[index].values);
          return [spread(time), ratio(time.median / summary(results.find(isPeer)?.values ?? []).median)];
        });
        return [[name, threads, ...cells, nearOne(cosines[index]), megabytes(peaks[index])]];
      });
      return [
        {
          title: "Milliseconds",
          columns: [
            "", "threads", ...batches.flatMap((batch) => [batch === 1 ? "one picture" : `${batch} pictures`, "÷ onnxruntime"]),
            "worst cosine", "peak memory, MB",
          ],
          rows,
          skipped: first.filter(({ reason }) => reason).map(({ name, threads, reason }) => ({ name: `${name}, threads: ${threads}`, reason })),
          notes: ["Cosines: the worst of 8 pictures. The Python processes' memory has Python in it."],
          raw: timed.map((results) => results.map(({ runner, ...rest }) => rest)),
        },
      ];
    },
  };
}

export default [
  section({ name: "native", what: "ViT-B/32 natively", model: "b32", batches: [1, 8], rounds: 9 }),
  section({ name: "native-tiny", what: "TinyCLIP-ViT-8M/16 natively", model: "tiny", batches: [1, 8], rounds: 9 }),
  section({ name: "native-l14", what: "ViT-L/14 natively", model: "l14", batches: [1], rounds: 7 }),
];
