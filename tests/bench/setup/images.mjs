// The pictures that the image sections decode, in target/bench/models/images: see python/make_images.py.

import { cpSync, existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { inRoot, once, run } from "../../../scripts/lib.mjs";
import { modelsFolder } from "./models.mjs";
import { ensurePython, requirements } from "./python.mjs";

export const imagesFolder = path.join(modelsFolder, "images");
const script = inRoot("tests", "bench", "python", "make_images.py");
const about = path.join(imagesFolder, "about.json");

/**
 * The photographs beside the repository, copied to where the benchmark's server sees them; returns their addresses
 * relative to the other pictures, by folder. Nothing where there are none.
 */
export function copyPhotographs() {
  const groups = {};
  for (const group of ["photos", "exif"]) {
    const from = inRoot("..", "shared", "images", group);
    if (!existsSync(from)) continue;
    cpSync(from, path.join(modelsFolder, group), { recursive: true });
    groups[group] = readdirSync(from).filter((name) => name.endsWith(".jpg")).map((name) => `../${group}/${name}`);
  }
  return groups;
}

/** Makes the pictures, if they are not there; resolves to what each file is: `{ width, height, bytes }` by its name. */
export async function ensureImages() {
  const plan = {
    what: "Making pictures of 12 and 48 megapixels",
    why: "JPEG, PNG and WebP, to be decoded",
    files: [script, requirements],
    outputs: [about],
  };
  await once("bench-images", plan, async () => {
    await run(await ensurePython(), [script, imagesFolder], { silent: !process.env.CLIP_VISION_VERBOSE });
    return "the pictures are ready";
  });
  return JSON.parse(readFileSync(about, "utf8"));
}
