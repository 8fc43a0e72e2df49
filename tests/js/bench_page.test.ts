/** The towers of www/bench.html: as an ONNX file, for onnxruntime-web, they are what the package computes. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ClipVision, type ModelSource } from "clip-vision";
import { cosineSimilarity } from "clip-vision/search";
import { expect, it } from "vitest";
import { noise } from "../../www/bench/measure.ts";
import { TINY, modelOf, type Shape } from "../../www/bench/models.ts";
import { WEIGHTS, onnxOf } from "../../www/bench/onnx.ts";

const CLIP: Shape = { ...TINY, kind: "clip", dimension: 48 };

it.each([["CLIP", CLIP], ["SigLIP", TINY]])("the ONNX file of a %s holds the same tower", async (_, shape) => {
  const folder = await mkdtemp(path.join(tmpdir(), "clip-vision-bench-"));
  try {
    const { config } = modelOf(shape);
    const { graph, weights } = onnxOf(shape);
    await mkdir(path.join(folder, "onnx"));
    await writeFile(path.join(folder, "config.json"), config.stream());
    await writeFile(path.join(folder, "onnx", "model.onnx"), graph);
    await writeFile(path.join(folder, "onnx", WEIGHTS), weights);
    const embed = async (model: ModelSource): Promise<Float32Array> => {
      using clip = await ClipVision.load(model, { onWarning() {} });
      return await clip.embed(noise(shape.image));
    };
    expect(cosineSimilarity(await embed(folder), await embed(modelOf(shape)))).toBeGreaterThan(1 - 1e-12);
  } finally {
    await rm(folder, { recursive: true });
  }
});
