// The models of random weights and the pictures, in target/bench/models: see python/make_models.py.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Stop, note, seconds, step } from "../../../scripts/lib/log.mjs";
import { inRoot } from "../../../scripts/lib/paths.mjs";
import { run } from "../../../scripts/lib/run.mjs";
import { forget, hashOf, isDone, markDone } from "../../../scripts/lib/stamp.mjs";
import { ensurePython, requirements } from "./python.mjs";

export const modelsFolder = inRoot("target", "bench", "models");
const script = inRoot("tests", "bench", "python", "make_models.py");

/** Makes what is missing of the pictures and of the models named; the names are make_models.py's. */
export async function ensureModels(names) {
  const hash = hashOf([script, requirements]);
  for (const name of ["pictures", ...names]) {
    const stamp = `bench-model-${name}`;
    const outputs = name === "pictures" ? ["pictures/pictures.rgb"] : [`${name}/about.json`];
    if (isDone(stamp, hash, outputs.map((file) => path.join(modelsFolder, file)))) continue;
    const python = await ensurePython();
    step(`Making the benchmark's ${name}`, "random weights as safetensors and ONNX, and what torch computes with them");
    const begin = Date.now();
    forget(stamp);
    try {
      await run(python, [script, modelsFolder, name], { silent: !process.env.CLIP_VISION_VERBOSE }); // torch says a lot
    } catch (error) {
      throw new Stop(`${error.message}.`, "CLIP_VISION_VERBOSE=1 npm run bench   # shows why");
    }
    markDone(stamp, hash);
    note(`${name} is ready (${seconds(begin)})`);
  }
}

/** A model's files: folder, sizes, and the embeddings that torch computed, of the pictures and of the photos by name. */
export function readModel(name) {
  const folder = path.join(modelsFolder, name);
  const about = JSON.parse(readFileSync(path.join(folder, "about.json"), "utf8"));
  const embeddings = (file) => {
    const bytes = readFileSync(path.join(folder, file));
    const flat = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const rows = flat.length / about.dimension;
    return Array.from({ length: rows }, (_, row) => flat.subarray(row * about.dimension, (row + 1) * about.dimension));
  };
  const photos = embeddings("photos.f32");
  return {
    ...about,
    folder,
    references: embeddings("reference.f32"),
    photoReferences: new Map(about.photos.map((photo, index) => [photo, photos[index]])),
  };
}

/** The file of the pictures. */
export const picturesFile = path.join(modelsFolder, "pictures", "pictures.rgb");
