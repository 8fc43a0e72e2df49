/** SigLIP and DINOv2 of ONNX files, as transformers.js' users have them on the Hub: what onnxruntime computes with each file's weights. */

import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { cosine, maxDifference, Safetensors } from "./golden.ts";
import { sent, type TestServer } from "./server.ts";
import { expect, test } from "./test.ts";

const golden = (file: string): Buffer => readFileSync(new URL(`../golden/onnx_families/${file}`, import.meta.url));
const expected = new Safetensors(golden("expected.safetensors"));
const inputs = JSON.parse(golden("inputs.json").toString()) as { images: string[]; texts: string[] };

/** Puts a repository on the server, as the Hub has it, and tells where. */
function repository(server: TestServer, exporter: string, name: string, files: readonly string[]): string {
  const folder = `/made/${name}/Xenova/model/resolve/main/`;
  const small = ["config.json", "preprocessor_config.json", ...(exporter.startsWith("siglip") ? ["tokenizer.json"] : [])];
  for (const file of small) server.files.set(folder + file, golden(`${exporter}/${file}`));
  for (const file of files) server.files.set(`${folder}onnx/${file}`, golden(`${exporter}/onnx/${file}`));
  return `/made/${name}`;
}

/** The rows of a golden. */
function rows(key: string): Float32Array[] {
  const values = expected.values(key)!;
  const width = expected.entries.get(key)!.shape[1]!;
  return Array.from({ length: values.length / width }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

const load = (page: Page, endpoint: string, { texts = [] as string[], converted = false } = {}) =>
  page.evaluate(
    async ({ endpoint, images, texts, converted }) => {
      const { load } = clipVision.ClipVision;
      let cached = false;
      const onProgress = (progress: { cached?: boolean }): void => void (cached ||= progress.cached ?? false);
      const loaded = await load("Xenova/model", { hub: { endpoint: new URL(endpoint, location.href) }, onProgress });
      const { weights } = loaded.info;
      const clip = converted ? await load({ weights: await loaded.toBlob({ precision: "f16" }) }) : loaded;
      const found = { images: [] as number[][], texts: [] as number[][], scores: [] as number[][], refused: "", weights, cached: false };
      for (const image of images) found.images.push([...(await clip.embed(`/golden/images/${image}`, { background: "drop" }))]);
      if (texts.length > 0) {
        found.texts = (await clip.embedTexts(texts)).map((text) => [...text]);
        for (const image of found.images) {
          await clip.classify(Float32Array.from(image), texts, { template: "{}" }).then(
            (labels) => found.scores.push(texts.map((text) => labels.find(({ label }) => label === text)!.score)),
            (error: Error & { code: string }) => (found.refused = `${error.code}: ${error.message}`),
          );
        }
      }
      clip.close();
      loaded.close();
      return { ...found, cached };
    },
    { endpoint, images: inputs.images, texts, converted },
  );

/** Lowest cosine of rows to a golden's. */
const worst = (found: number[][], key: string): number => Math.min(...rows(key).map((row, index) => cosine(Float32Array.from(found[index]!), row)));

for (const [exporter, end] of [["siglip_torchscript", ""], ["siglip_torchscript", "_fp16"], ["siglip_torchscript", "_quantized"], ["siglip_torchscript", "_int8"], ["siglip_torchscript", "_q4"], ["siglip_dynamo", ""], ["siglip_dynamo", "_uint8"], ["siglip_dynamo", "_q4"]] as const) {
  test(`${exporter}${end}: photos and texts are what onnxruntime computes with the file's weights, also from the cache`, async ({ page, server }) => {
    const files = ["vision_model", "text_model"].map((name) => `${name}${end}.onnx`);
    const endpoint = repository(server, exporter, `${exporter}${end}`, files);
    const from = server.ranges.length;
    for (const cached of [false, true]) {
      const found = await load(page, endpoint, { texts: inputs.texts });
      expect([found.weights, found.cached]).toEqual([`onnx/${files[0]}`, cached]);
      expect(worst(found.images, `${exporter}/vision_model${end}/images`)).toBeGreaterThan(0.99999);
      expect(worst(found.texts, `${exporter}/text_model${end}/texts`)).toBeGreaterThan(0.99999);
      expect(found.refused).toMatch(/^weights: .*onnx\/model\.onnx/);
    }
    for (const file of files) expect(sent(server, from, file), file).toBeLessThanOrEqual(golden(`${exporter}/onnx/${file}`).length);
  });
}

for (const [exporter, files] of [["siglip_torchscript", ["vision_model.onnx", "text_model.onnx", "model.onnx"]], ["siglip_torchscript", ["model_quantized.onnx"]], ["siglip_dynamo", ["vision_model.onnx", "model.onnx"]]] as const) {
  test(`${exporter}, ${files.join(" ")}: a file of both towers gives texts and probabilities`, async ({ page, server }) => {
    const endpoint = repository(server, exporter, `${exporter}${files.length}`, files);
    const key = `${exporter}/${files.at(-1)!.replace(".onnx", "")}`;
    for (const cached of [false, true]) {
      const found = await load(page, endpoint, { texts: inputs.texts });
      expect([found.weights, found.cached]).toEqual([`onnx/${files[0]}`, cached]);
      expect(worst(found.images, `${key}/images`)).toBeGreaterThan(0.99999);
      expect(worst(found.texts, `${key}/texts`)).toBeGreaterThan(0.99999);
      for (const [index, right] of rows(`${key}/probabilities`).entries()) expect(maxDifference(found.scores[index]!, right)).toBeLessThan(1e-5);
    }
  });
}

for (const [exporter, end] of [["dinov2_torchscript", ""], ["dinov2_torchscript", "_int8"], ["dinov2_dynamo", ""], ["dinov2_dynamo", "_q4"], ["dinov2_any_size", ""]] as const) {
  test(`${exporter}${end}: photos are what onnxruntime computes with the file's weights, also from the cache and as one file of ours`, async ({ page, server }) => {
    const file = `model${end}.onnx`;
    const endpoint = repository(server, exporter, `${exporter}${end}`, [file]);
    const from = server.ranges.length;
    for (const cached of [false, true]) {
      const found = await load(page, endpoint);
      expect([found.weights, found.cached]).toEqual([`onnx/${file}`, cached]);
      expect(worst(found.images, `${exporter}/model${end}/images`)).toBeGreaterThan(0.99999);
    }
    expect(sent(server, from, file)).toBeLessThanOrEqual(golden(`${exporter}/onnx/${file}`).length);
    const converted = await load(page, endpoint, { converted: true });
    expect(worst(converted.images, `${exporter}/model${end}/images`)).toBeGreaterThan(0.9999);
  });
}
