// The forward pass in a browser, pixel tensor to embedding: clip-vision beside onnxruntime-web and candle.

import { candle, clipVision, onnxruntimeWeb } from "../lib/contenders.mjs";
import { cosine, summary, worst } from "../lib/statistics.mjs";
import { megabytes, nearOne, ratio, spread } from "../lib/table.mjs";
import { SETTLE, startAll, takeTurns } from "../lib/turns.mjs";
import { readModel } from "../setup/models.mjs";

const KINDS = ["f32", "int8"];
/** Pictures whose embeddings are compared with torch's; the section `accuracy` takes all of them. */
const COMPARED = 8;

const upTo = (count) => Array.from({ length: count }, (_, index) => index);

/** What a contender's memory, download and embeddings are, before it is timed. */
async function inspect({ runner, reason }, references) {
  if (reason) return {};
  const loaded = await runner.wasmMemory();
  const embeddings = [];
  for (const index of upTo(COMPARED)) embeddings.push(...(await runner.call("embed", [index])));
  return {
    loaded,
    download: await runner.wasmDownload(),
    cosine: worst(embeddings.map((embedding, index) => cosine(embedding, references[index]))),
  };
}

/** A section of `model`, `batch` pictures a turn, with contenders of each number of threads; candle knows CLIP alone. */
function section({ name, what, model, batch, threads, rounds, warmUp, passes = 1, withCandle = true }) {
  return {
    name,
    what,
    needs: ["browser"],
    models: [model],
    rounds,
    async run(bench) {
      const { references, weights } = readModel(model);
      const contenders = threads.flatMap((count) => [
        ...KINDS.flatMap((kind) => [clipVision(bench, model, kind, count), onnxruntimeWeb(bench, model, kind, count)]),
        ...(count === 1 && withCandle ? [candle(bench, model)] : []),
      ]);
      const started = await startAll(contenders, bench.say);
      const inspected = await Promise.all(started.map((contender) => inspect(contender, references)));
      const turn = async (runner) => {
        const times = [];
        while (times.length < passes) times.push(await runner.call("forward", upTo(batch)));
        return summary(times).median;
      };
      const timed = await takeTurns(started, turn, { rounds: bench.rounds, warmUp });
      const results = [];
      for (const [index, { runner, values, ...contender }] of timed.entries()) {
        const memory = runner && { after: await runner.wasmMemory(), peak: runner.peakMemory() };
        results.push({ ...contender, ...inspected[index], ...memory, values, time: summary(values) });
        await runner?.stop();
      }
      return [{ title: title(batch), ...tableOf(results, { batch, weights, passes }), raw: results }];
    },
  };
}

const title = (batch) => (batch === 1 ? "One picture" : `${batch} pictures, milliseconds for all of them`);

const same = (results, { name, kind, threads }, change) => {
  const wanted = { name, kind, threads, ...change };
  return results.find((other) => Object.entries(wanted).every(([key, value]) => other[key] === value));
};

function tableOf(results, { batch, weights, passes }) {
  const rows = results.filter(({ reason }) => !reason).map((result) => {
    const peer = same(results, result, { name: `onnxruntime-web ${result.kind}` });
    const single = result.threads > 1 ? same(results, result, { threads: 1 }) : undefined;
    return [
      result.name,
      result.threads,
      spread(result.time),
      ratio(result.time.median / peer?.time.median),
      single && `${ratio(single.time.median / result.time.median)}×`,
      nearOne(result.cosine),
      `${megabytes(result.loaded)} / ${megabytes(result.after)}`,
      megabytes(result.peak),
      `${megabytes(result.download.raw)} / ${megabytes(result.download.gzipped)}`,
    ];
  });
  return {
    columns: [
      "", "threads", `${batch === 1 ? "ms" : `ms for ${batch}`} (quartiles)`, "÷ onnxruntime-web", "over one thread",
      "worst cosine", "wasm memory after load / work, MB", "peak of the tab's process, MB", "wasm downloaded / gzipped, MB",
    ],
    rows,
    skipped: results.filter(({ reason }) => reason).map(({ name, threads, reason }) => ({ name: `${name}, threads: ${threads}`, reason })),
    notes: [
      `The tower's weights are ${megabytes(weights)} MB in f32. ` +
        (passes > 1 ? `A turn is ${passes} pictures, of which the median counts: a machine's hiccups are as long as a picture takes. ` : "") +
        `Before each there is a pause of ${SETTLE} ms. clip-vision's time is its own \`timings.forward\`${batch === 1 ? "" : ", summed"}; ` +
        `onnxruntime-web's is that of \`session.run\` in a worker. Cosines: the worst of ${COMPARED} pictures.`,
    ],
  };
}

/** V8 compiles parts of a wasm file during the first pictures, on the core that a second thread should have. */
const both = { threads: [1, 2], rounds: 9, warmUp: 4, passes: 3 };

export default [
  section({ name: "b32", what: "ViT-B/32 in Chromium, one picture at a time", model: "b32", batch: 1, ...both }),
  section({ name: "b32x8", what: "ViT-B/32 in Chromium, eight pictures at a time", model: "b32", batch: 8, ...both, rounds: 7, warmUp: 2, passes: 1 }),
  section({ name: "tiny", what: "TinyCLIP-ViT-8M/16 in Chromium, one picture at a time", model: "tiny", batch: 1, ...both }),
  section({ name: "tinyx8", what: "TinyCLIP-ViT-8M/16 in Chromium, eight pictures at a time", model: "tiny", batch: 8, ...both, warmUp: 2, passes: 1 }),
  section({ name: "l14", what: "ViT-L/14 in Chromium, one picture at a time", model: "l14", batch: 1, threads: [1], rounds: 7, warmUp: 2 }),
  section({ name: "siglip2", what: "SigLIP 2 B/16-256's vision tower in Chromium, one picture at a time", model: "siglip2-b16-256", batch: 1, ...both, rounds: 7, warmUp: 2, passes: 1, withCandle: false }),
];
