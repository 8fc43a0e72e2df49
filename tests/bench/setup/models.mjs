// The models of random weights and the pictures, in target/bench/models: see python/make_models.py.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Stop, inRoot, once, run } from "../../../scripts/lib.mjs";
import { ensurePython, requirements } from "./python.mjs";

export const modelsFolder = inRoot("target", "bench", "models");
const scripts = ["make_models.py", "shared.py", "siglip2.py"].map((name) => inRoot("tests", "bench", "python", name));

/** Makes what is missing of the pictures and of the models named; the names are make_models.py's. */
export async function ensureModels(names) {
  for (const name of ["pictures", ...names]) {
    const outputs = name === "pictures" ? ["pictures/pictures-224.rgb", "pictures/pictures-256.rgb"] : [`${name}/about.json`];
    const plan = {
      what: `Making the benchmark's ${name}`,
      why: "random weights as safetensors and ONNX, and what torch computes with them",
      files: [...scripts, requirements],
      outputs: outputs.map((file) => path.join(modelsFolder, file)),
    };
    await once(`bench-model-${name}`, plan, async () => {
      const python = await ensurePython();
      try {
        await run(python, [scripts[0], modelsFolder, name], { silent: !process.env.CLIP_VISION_VERBOSE }); // torch says a lot
      } catch (error) {
        throw new Stop(`${error.message}.`, "CLIP_VISION_VERBOSE=1 npm run bench   # shows why");
      }
      return `${name} is ready`;
    });
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

/** The file of the pictures of so many pixels. */
export const picturesFile = (size) => path.join(modelsFolder, "pictures", `pictures-${size}.rgb`);
