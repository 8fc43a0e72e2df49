// A Python with the packages of python/requirements.txt: an environment in the user's cache, one for each version of that
// list. CLIP_VISION_BENCH_PYTHON names an interpreter that has them already.

import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop, hashOf, inCache, inRoot, note, run, seconds, step, which } from "../../../scripts/lib.mjs";

export const requirements = inRoot("tests", "bench", "python", "requirements.txt");

/** The interpreter's path. */
export async function ensurePython() {
  const named = process.env.CLIP_VISION_BENCH_PYTHON;
  if (named) return named;
  const folder = inCache("tools", `bench-python-${hashOf([requirements]).slice(0, 12)}`);
  const complete = path.join(folder, ".complete");
  const python = process.platform === "win32" ? path.join(folder, "Scripts", "python.exe") : path.join(folder, "bin", "python");
  if (existsSync(complete)) return python;
  const system = which("python3") ?? which("python");
  if (!system) throw new Stop("The benchmark's models are made by Python 3, and there is none on PATH.");
  step("Installing torch, transformers and onnxruntime for Python", "they make the benchmark's models (about 6 GB, once)");
  const begin = Date.now();
  await run(system, ["-m", "venv", "--clear", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
  writeFileSync(complete, "");
  note(`installed in ${folder} (${seconds(begin)})`);
  return python;
}
