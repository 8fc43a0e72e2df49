// End to end: a folder of JPEGs of 12 megapixels into a file of embeddings, natively: `clip-vision index` beside a Python script.

import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { commandLine, inRoot, run } from "../../../scripts/lib.mjs";
import { cosine, summary, worst } from "../lib/statistics.mjs";
import { nearOne, ratio } from "../lib/table.mjs";
import { reasonOf } from "../lib/turns.mjs";
import { ensureImages, imagesFolder } from "../setup/images.mjs";
import { modelsFolder } from "../setup/models.mjs";

const MODEL = path.join(modelsFolder, "b32");
const SCRIPT = inRoot("tests", "bench", "python", "folder.py");
const folder = inRoot("target", "bench", "folder");
/** Photos of the two folders: the rate is what the second takes more, so that neither programs' start nor the models' loading counts. */
const FEW = 16;
const MANY = 80;

const contenders = (bench) => {
  const ours = (name, kind, decode) => ({
    name: `clip-vision ${name}`,
    kind,
    run: (photos, out) => run(commandLine("release"), ["index", "--quiet", "--model", MODEL, "--precision", kind.split(" ")[0], "--decode", decode, photos, "-o", out]),
  });
  const python = (name, kind, way, file) => ({
    name: `Pillow, transformers and onnxruntime, ${name}`,
    kind,
    run: (photos, out) => {
      if (bench.missing.python) throw new Error(bench.missing.python);
      return run(bench.python, [SCRIPT, photos, MODEL, out, way, file], { silent: true });
    },
  });
  return [
    ours("f32, exact", "f32 exact", "exact"),
    python("f32, exact", "f32 exact", "exact", "vision_model.onnx"),
    ours("f32, fast", "f32 fast", "fast"),
    python("f32, draft", "f32 fast", "fast", "vision_model.onnx"),
    ours("int8, exact", "int8 exact", "exact"),
    python("int8, exact", "int8 exact", "exact", "vision_model_quantized.onnx"),
    ours("int8, fast", "int8 fast", "fast"),
    python("int8, draft", "int8 fast", "fast", "vision_model_quantized.onnx"),
  ];
};

/** Copies of one JPEG: what decodes and computes has no use for that. */
function fill(count) {
  const place = path.join(folder, String(count));
  mkdirSync(place, { recursive: true });
  for (let number = 0; number < count; number += 1) copyFileSync(path.join(imagesFolder, "12mp.jpg"), path.join(place, `${String(number).padStart(4, "0")}.jpg`));
  return place;
}

/** The first embedding of an .npy of f32. */
function firstRow(file) {
  const bytes = readFileSync(file);
  const header = 10 + bytes.readUInt16LE(8);
  const [, rows, dimension] = /\((\d+), (\d+)\)/.exec(bytes.toString("latin1", 10, header)) ?? [];
  if (!rows) throw new Error(`${file} is no matrix`);
  return Float32Array.from({ length: Number(dimension) }, (_, at) => bytes.readFloatLE(header + 4 * at));
}

/** Seconds of a run from nothing. */
async function secondsOf(contender, photos, out) {
  for (const suffix of ["", ".rows", ".names.json", ".made.json"]) rmSync(`${out}${suffix}`, { force: true });
  const begin = process.hrtime.bigint();
  await contender.run(photos, out);
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

export default {
  name: "native-folder",
  what: "photos a second, from a folder of JPEGs of 12 megapixels to a file of embeddings, natively, ViT-B/32",
  needs: ["python"],
  models: ["b32"],
  rounds: 3,
  async run(bench) {
    await ensureImages();
    await run("cargo", ["build", "--release", "--locked", "-p", "clip-vision-cli"]);
    rmSync(folder, { recursive: true, force: true });
    const [few, many] = [FEW, MANY].map(fill);
    const all = contenders(bench).map((contender) => ({ ...contender, rates: [] }));
    try {
      for (let round = 0; round < bench.rounds; round += 1) {
        for (const contender of all.filter(({ reason }) => !reason)) {
          try {
            const out = path.join(folder, "out.npy");
            const start = await secondsOf(contender, few, out);
            const whole = await secondsOf(contender, many, out);
            contender.rates.push((MANY - FEW) / (whole - start));
            contender.start = start - (FEW * (whole - start)) / (MANY - FEW);
            contender.row = firstRow(out);
            bench.say(`${contender.name}: ${contender.rates.at(-1).toFixed(1)} a second`);
          } catch (error) {
            contender.reason = reasonOf(error);
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const median = ({ rates }) => summary(rates).median;
    const [{ row: exact }] = all;
    return [
      {
        title: "Photos a second",
        columns: ["", "photos a second (quartiles)", "÷ Python", "seconds before the first", "cosine to f32, exact"],
        rows: all
          .filter(({ reason }) => !reason)
          .map((one) => {
            const { low, high, median: middle } = summary(one.rates);
            const peer = all.find((other) => other.kind === one.kind && other.name.startsWith("Pillow"));
            return [one.name, `${middle.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`, ratio(middle / median(peer)), one.start.toFixed(1), nearOne(exact ? worst([cosine(one.row, exact)]) : NaN)];
          }),
        skipped: all.filter(({ reason }) => reason).map(({ name, reason }) => ({ name, reason })),
        notes: [
          `All cores. The rate is that of the ${MANY - FEW} photos that a folder of ${MANY} has more than one of ${FEW}; "before the first" is what is left of the time: a program's start, its imports, the model's loading. ` +
            "The Python script, tests/bench/python/folder.py, decodes on all cores while the model computes in batches of eight; `draft` has libjpeg decode at a fraction of the size, as our fast way does.",
        ],
      },
    ];
  },
};
