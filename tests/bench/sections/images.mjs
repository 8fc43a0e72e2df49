// From a picture's bytes to the tensor that CLIP sees: clip-vision beside the browser's own ways and transformers.js, and
// natively beside Pillow with transformers' processor.

import { inRoot } from "../../../scripts/lib.mjs";
import { startProcess } from "../lib/processes.mjs";
import { summary } from "../lib/statistics.mjs";
import { megabytes, nearOne, ratio, spread } from "../lib/table.mjs";
import { reasonOf, startAll, takeTurns } from "../lib/turns.mjs";
import { copyPhotographs, ensureImages, imagesFolder } from "../setup/images.mjs";

/** Whose preprocessing and, for the cosines, whose weights. */
const MODEL = "tiny";
const PEERS = inRoot("tests", "bench", "python", "image_peers.py");

const ours = (bench, name, options) => ({
  name: `clip-vision, ${name}`,
  ours: true,
  start: () => bench.tab("image_clip_vision", { model: MODEL, options }),
  turn: (runner, file) => runner.call("tensor", file),
});

const peer = (bench, name, module, way, need) => ({
  name,
  start: () => {
    if (bench.missing[need]) throw new Error(bench.missing[need]);
    return bench.tab("in_worker", { module, model: MODEL });
  },
  turn: (runner, file) => runner.call(way, file),
});

/** Contenders of one kind share a tab; the fast way is another option of the same package. */
const inBrowser = (bench) => [
  ours(bench, "exact", {}),
  ours(bench, "fast", { decode: "fast" }),
  ours(bench, "fast, browser's decoder", { decoder: "browser", decode: "fast" }),
  peer(bench, "createImageBitmap, resized", "image_browser", "resized"),
  peer(bench, "createImageBitmap, full", "image_browser", "full"),
  peer(bench, "transformers.js", "image_transformers", "tensor", "peers"),
];

const RESIZED = "createImageBitmap, resized";
const TRANSFORMERS = "transformers.js";

/** Times every contender with one file: `{ name, time }` or `{ name, reason }` each. */
async function timeOf(started, file, rounds) {
  const each = started.map(({ turn, ...contender }) => ({ ...contender, runner: contender.runner && { of: contender.runner, turn } }));
  const timed = await takeTurns(each, ({ of, turn }) => turn(of, file), { rounds, warmUp: 1 });
  return timed.map(({ name, values, reason }) => ({ name, reason, time: summary(values) }));
}

async function browserTable(bench, files) {
  const started = await startAll(inBrowser(bench), bench.say);
  const rows = [];
  const cosines = [];
  for (const [file, about] of Object.entries(files)) {
    for (const contender of started) {
      try {
        await contender.runner?.call("readImage", file, about);
      } catch (error) {
        contender.reason = reasonOf(error);
      }
    }
    const timed = await timeOf(started, file, bench.rounds);
    const of = (name) => timed.find((other) => other.name === name)?.time.median;
    for (const { name, time, reason } of timed) {
      const isPeer = [RESIZED, TRANSFORMERS].includes(name);
      const ratios = [RESIZED, TRANSFORMERS].map((other) => (isPeer ? undefined : ratio(time.median / of(other))));
      rows.push([file, name, reason ?? spread(time), ...ratios]);
    }
    for (const { name, runner, ours: isOurs } of started.slice(1)) {
      if (isOurs && runner) cosines.push(`${file}, ${name.replace("clip-vision, ", "")}: ${nearOne(await runner.call("cosine", file))}`);
    }
    bench.say(`${file} is done`);
  }
  const memory = await started[0].runner?.wasmMemory();
  const skipped = started.filter(({ reason }) => reason).map(({ name, reason }) => ({ name, reason }));
  for (const { runner } of started) await runner?.stop();
  return {
    title: "Milliseconds from bytes to tensor, in Chromium",
    columns: ["picture", "", "ms (quartiles)", `÷ ${RESIZED}`, `÷ ${TRANSFORMERS}`],
    rows,
    skipped,
    notes: [
      `Cosines to the exact embedding (a model of random weights): ${cosines.join("; ")}.`,
      `After all pictures, the exact contender's WebAssembly memory is ${megabytes(memory)} MB, the model's weights among it.`,
      "clip-vision is called from the page, the messages to its worker included; the others run, and are timed, in a worker.",
    ],
  };
}

/** How near the faster ways come to the exact one: over photographs as people have them, where there are any. */
async function agreementTable(bench, groups) {
  const contenders = [...inBrowser(bench).slice(1, 3), ours(bench, "browser's decoder", { decoder: "browser" })];
  const started = await startAll(contenders, bench.say);
  const rows = [];
  for (const [group, files] of Object.entries(groups)) {
    for (const { name, runner } of started) {
      const cosines = [];
      for (const file of runner ? files : []) {
        await runner.call("readImage", file);
        cosines.push(await runner.call("cosine", file));
      }
      const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
      rows.push([`${group} (${cosines.length})`, name, nearOne(mean), nearOne(Math.min(...cosines))]);
    }
  }
  for (const { runner } of started) await runner?.stop();
  return {
    title: "Cosine to the exact embedding, over photographs",
    columns: ["pictures", "", "mean", "worst"],
    rows,
    skipped: Object.keys(groups).length ? [] : [{ name: "photographs", reason: "there is no ../shared/images" }],
    notes: ["A model of random weights, 224 pixels. A picture under twice that size is decoded at its own size by the fast way, too."],
  };
}

async function nativeTable(bench, files) {
  const contenders = [
    { name: "clip-vision, exact", start: () => startProcess(bench.images, ["exact"]) },
    { name: "clip-vision, fast", start: () => startProcess(bench.images, ["fast"]) },
    {
      name: "Pillow and transformers' processor",
      start: () => {
        if (bench.missing.python) throw new Error(bench.missing.python);
        return startProcess(bench.python, [PEERS]);
      },
    },
  ];
  const started = (await startAll(contenders, bench.say)).map((contender) => ({
    ...contender,
    turn: (runner, file) => runner.prepare(`${imagesFolder}/${file}`),
  }));
  const rows = [];
  for (const file of Object.keys(files)) {
    const timed = await timeOf(started, file, bench.rounds);
    const { time: pillow } = timed.at(-1);
    for (const { name, time, reason } of timed) rows.push([file, name, reason ?? spread(time), ratio(time.median / pillow.median)]);
  }
  const peaks = started.map(({ name, runner }) => `${name}: ${megabytes(runner?.peakMemory())} MB`);
  const skipped = started.filter(({ reason }) => reason).map(({ name, reason }) => ({ name, reason }));
  for (const { runner } of started) await runner?.stop();
  return {
    title: "Milliseconds from bytes to tensor, natively, one thread each",
    columns: ["picture", "", "ms (quartiles)", "÷ Pillow"],
    rows,
    skipped,
    notes: [`The most memory that each process had, over all pictures, files included: ${peaks.join("; ")}.`],
  };
}

export default [
  {
    name: "images",
    what: "from a picture's bytes to the tensor that CLIP sees, in Chromium",
    needs: ["package", "peers"],
    models: [MODEL],
    rounds: 7,
    run: async (bench) => [await browserTable(bench, await ensureImages()), await agreementTable(bench, copyPhotographs())],
  },
  {
    name: "images-native",
    what: "from a picture's bytes to the tensor that CLIP sees, natively",
    needs: ["native-images", "python"],
    rounds: 7,
    run: async (bench) => [await nativeTable(bench, await ensureImages())],
  },
];
