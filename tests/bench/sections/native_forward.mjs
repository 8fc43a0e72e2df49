// The forward pass natively: clip-vision beside candle, onnxruntime, OpenVINO and torch, each a process of its own; and, in the same
// turns, the roof over all of them: what the processor multiplies in a second from its registers (tests/bench/roof.rs).

import { readFileSync } from "node:fs";
import path from "node:path";
import { inRoot } from "../../../scripts/lib.mjs";
import { startProcess } from "../lib/processes.mjs";
import { cosine, summary, worst } from "../lib/statistics.mjs";
import { megabytes, nearOne, ratio, spread } from "../lib/table.mjs";
import { startAll, takeTurns } from "../lib/turns.mjs";
import { picturesFile, readModel } from "../setup/models.mjs";

const upTo = (count) => Array.from({ length: count }, (_, index) => index);
const PEERS = inRoot("tests", "bench", "python", "peers.py");
const ROOFS = { f32: "roof f32", int8: "roof int8" };

function contendersOf(bench, { folder, image }, threads, isClip) {
  const pictures = picturesFile(image.size);
  const rust = (name, kind, what) => ({
    name,
    kind,
    threads,
    start: () => startProcess(bench.native, [what, folder, pictures], { RAYON_NUM_THREADS: String(threads) }),
  });
  const python = (name, kind, what, ...file) => ({
    name,
    kind,
    threads,
    start: () => {
      if (bench.missing.python) throw new Error(bench.missing.python);
      return startProcess(bench.python, [PEERS, what, folder, pictures, String(threads), ...file], { OMP_NUM_THREADS: String(threads) });
    },
  });
  return [
    rust("clip-vision f32", "f32", "clip-vision-f32"),
    rust("clip-vision int8", "int8", "clip-vision-int8"),
    // candle-transformers' SigLIP has another way of loading: of this peer CLIPs alone.
    ...(isClip ? [rust("candle f32", "f32", "candle")] : []),
    python("onnxruntime f32", "f32", "onnxruntime", "vision_model.onnx"),
    python("onnxruntime int8", "int8", "onnxruntime", "vision_model_quantized.onnx"),
    python("onnxruntime int8, static", "int8", "onnxruntime", "vision_model_static.onnx"),
    python("OpenVINO f32", "f32", "openvino", "vision_model.onnx"),
    python("OpenVINO int8, static", "int8", "openvino", "vision_model_static.onnx"),
    python("torch f32", "f32", "torch"),
    python("torch bf16", "bf16", "torch-bf16"),
    rust(ROOFS.f32, "f32", "roof-f32"),
    rust(ROOFS.int8, "int8", "roof-int8"),
  ];
}

/** 10⁹ multiplications of one picture: those of the linear layers, and those of attention, which everybody here computes in f32. */
function multiplicationsOf(folder) {
  const config = JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8"));
  const { hidden_size: d, intermediate_size: m, num_hidden_layers: layers, patch_size: patch, image_size: size, projection_dim: out } = config.vision_config ?? config;
  const patches = (size / patch) ** 2;
  // CLIP has a token of its own and a projection; SigLIP an attention of one query over all tokens, and an MLP.
  const isClip = !config.vision_config;
  const tokens = patches + (isClip ? 1 : 0);
  const head = isClip ? d * out : 2 * tokens * d * d + 2 * d * d + 2 * d * m;
  const linear = 3 * patch * patch * patches * d + layers * tokens * (4 * d * d + 2 * d * m) + head;
  const attention = layers * 2 * tokens * tokens * d + (isClip ? 0 : 2 * tokens * d);
  return { linear: linear / 1e9, attention: attention / 1e9, isClip };
}

/** Fewer rounds of what takes long. */
const roundsOf = (batch, rounds) => Math.max(2, Math.ceil(rounds / (batch >= 32 ? 3 : batch >= 8 ? 2 : 1)));

/** The times of all contenders on so many threads, by batch, and their cosines and peaks. Their processes end with it. */
async function timeAll(bench, model, threads, isClip, batches) {
  const started = await startAll(contendersOf(bench, model, threads, isClip), bench.say);
  try {
    const cosines = [];
    for (const { runner, name } of started) {
      const embeddings = runner && !name.startsWith("roof") ? await runner.embed(upTo(8)) : [];
      cosines.push(worst(embeddings.map((embedding, index) => cosine(embedding, model.references[index]))));
    }
    const timed = [];
    for (const batch of batches) {
      timed.push(await takeTurns(started, (runner) => runner.forward(upTo(batch)), { rounds: roundsOf(batch, bench.rounds), warmUp: 1 }));
      bench.say(`threads: ${threads}, pictures: ${batch}: done`);
    }
    return { timed, cosines, peaks: started.map(({ runner }) => runner?.peakMemory()) };
  } finally {
    for (const { runner } of started) await runner?.stop();
  }
}

function rowsOf({ timed, cosines, peaks }, batches, { linear, attention }) {
  const median = (results, name) => summary(results.find((other) => other.name === name)?.values ?? []).median;
  return timed[0].flatMap(({ name, kind, threads, reason }, index) => {
    if (reason || name.startsWith("roof")) return [];
    const cells = timed.flatMap((results, at) => {
      const time = summary(results[index].values);
      const [f32, own] = [median(results, ROOFS.f32), median(results, ROOFS[kind])];
      const roof = batches[at] * (linear * (own ?? NaN) + attention * f32);
      return [spread(time), ratio(time.median / median(results, `onnxruntime ${kind}`)), Number.isFinite(roof) ? `${Math.round((100 * roof) / time.median)} %` : undefined];
    });
    return [[name, threads, ...cells, nearOne(cosines[index]), megabytes(peaks[index])]];
  });
}

function section({ name, what, model: modelName, batches, rounds }) {
  return {
    name,
    what,
    needs: ["native", "python"],
    models: [modelName],
    rounds,
    async run(bench) {
      const model = readModel(modelName);
      const { isClip, ...work } = multiplicationsOf(model.folder);
      const all = [];
      // One number of threads after the other: of a ViT-L/14 all processes together would not fit into memory.
      for (const threads of [1, 2]) all.push(await timeAll(bench, model, threads, isClip, batches));
      const roofs = all.flatMap(({ timed: [first] }) =>
        first.filter(({ name, reason }) => name.startsWith("roof") && !reason).map(({ name, threads, values }) => `${name}, threads: ${threads}: ${Math.round(1e3 / summary(values).median)}`),
      );
      return [
        {
          title: "Milliseconds",
          columns: [
            "", "threads", ...batches.flatMap((batch) => [batch === 1 ? "one picture" : `${batch} pictures`, "÷ onnxruntime", "of the roof"]),
            "worst cosine", "peak memory, MB",
          ],
          rows: all.flatMap((one) => rowsOf(one, batches, work)),
          skipped: all.flatMap(({ timed: [first] }) => first.filter(({ reason }) => reason).map(({ name, threads, reason }) => ({ name: `${name}, threads: ${threads}`, reason }))),
          notes: [
            "Cosines: the worst of 8 pictures. The Python processes' memory has Python in it.",
            `A picture is ${(work.linear + work.attention).toFixed(1)}·10⁹ multiplications, ${work.attention.toFixed(1)} of them attention's, which is f32 in int8 too. ` +
              `The roof is the time that these take at the rate at which the processor multiplies in its registers, measured in the same turns; 10⁹ a second: ${roofs.join("; ")}.`,
          ],
          raw: all.map(({ timed }) => timed.map((results) => results.map(({ runner, ...rest }) => rest))),
        },
      ];
    },
  };
}

const BATCHES = [1, 8, 32];

export default [
  section({ name: "native", what: "ViT-B/32 natively", model: "b32", batches: BATCHES, rounds: 9 }),
  section({ name: "native-tiny", what: "TinyCLIP-ViT-8M/16 natively", model: "tiny", batches: [1, 8], rounds: 9 }),
  section({ name: "native-siglip", what: "SigLIP 2 B/16-256's vision tower natively", model: "siglip2-b16-256", batches: BATCHES, rounds: 7 }),
  // 32 pictures take each contender a minute and more.
  section({ name: "native-l14", what: "ViT-L/14 natively", model: "l14", batches: BATCHES.slice(0, 2), rounds: 4 }),
];
