/** Models of ONNX files, as transformers.js' users have them on the Hub: right embeddings, the right files, and no byte too many. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { cosine, Safetensors } from "./golden.ts";
import { sent, type TestServer } from "./server.ts";
import { expect, test } from "./test.ts";

const golden = (file: string): Buffer => readFileSync(new URL(`../golden/onnx/${file}`, import.meta.url));
const expected = new Safetensors(golden("expected.safetensors"));
const inputs = JSON.parse(golden("inputs.json").toString()) as { images: string[]; texts: string[] };
const SMALL = ["config.json", "preprocessor_config.json", "tokenizer.json"];

/** Puts a repository on the server, as the Hub has it, and tells where. */
function repository(server: TestServer, exporter: string, name: string, files: readonly string[]): { endpoint: string; folder: string } {
  const folder = `/made/${name}/Xenova/clip/resolve/main/`;
  for (const file of SMALL) server.files.set(folder + file, golden(`${exporter}/${file}`));
  for (const file of files) server.files.set(`${folder}onnx/${file}`, golden(`${exporter}/onnx/${file}`));
  return { endpoint: `/made/${name}`, folder };
}

/** The rows of a golden. */
function rows(key: string): Float32Array[] {
  const values = expected.values(key)!;
  const width = expected.entries.get(key)!.shape[1]!;
  return Array.from({ length: values.length / width }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

interface Outcome {
  images?: number[][];
  texts?: number[][];
  weights?: string;
  cached?: boolean;
  message?: string;
  code?: string;
}

const load = (page: Page, endpoint: string, options: object = {}): Promise<Outcome> =>
  page.evaluate(
    async ({ endpoint, options, images, texts }) => {
      const outcome: { images?: number[][]; texts?: number[][]; weights?: string; cached?: boolean; message?: string; code?: string } = { cached: false };
      try {
        const clip = await clipVision.ClipVision.load("Xenova/clip", {
          hub: { endpoint: new URL(endpoint, location.href) },
          onProgress: ({ cached }) => void (outcome.cached ||= cached ?? false),
          ...options,
        });
        outcome.weights = clip.info.weights;
        outcome.images = [];
        for (const image of images) outcome.images.push([...(await clip.embed(`/golden/images/${image}`, { background: "drop" }))]);
        outcome.texts = (await clip.embedTexts(texts)).map((text) => [...text]);
        clip.close();
      } catch (error) {
        Object.assign(outcome, { code: (error as { code?: string }).code, message: String(error) });
      }
      return outcome;
    },
    { endpoint, options, ...inputs },
  );

/** Lowest cosine of rows to a golden's. */
const worst = (found: number[][], key: string): number => Math.min(...rows(key).map((row, index) => cosine(Float32Array.from(found[index]!), row)));

for (const [exporter, end] of [["torchscript", ""], ["torchscript", "_fp16"], ["torchscript", "_quantized"], ["torchscript", "_int8"], ["torchscript", "_q4"], ["dynamo", ""], ["dynamo", "_fp16"], ["dynamo", "_uint8"], ["dynamo", "_q4"]] as const) {
  test(`${exporter}${end}: embeddings are what onnxruntime computes in f32 with the file's weights, also from the cache`, async ({ page, server }) => {
    const files = ["vision_model", "text_model"].map((name) => `${name}${end}.onnx`);
    const { endpoint, folder } = repository(server, exporter, `${exporter}${end}`, files);
    const from = server.ranges.length;
    for (const cached of [false, true]) {
      const found = await load(page, endpoint);
      expect(found.message).toBeUndefined();
      expect(found.weights).toBe(`onnx/vision_model${end}.onnx`);
      expect(found.cached).toBe(cached);
      expect(worst(found.images!, `${exporter}/vision_model${end}/images`)).toBeGreaterThan(0.99999);
      expect(worst(found.texts!, `${exporter}/text_model${end}/texts`)).toBeGreaterThan(0.99999);
    }
    for (const file of files) expect(sent(server, from, file), file).toBeLessThanOrEqual(golden(`${exporter}/onnx/${file}`).length);
    expect(server.requests.filter((path) => path.startsWith(folder) && path.includes("onnx/")).length).toBeLessThan(40);
  });
}

test("the precision decides which file is downloaded, and `info` says which", async ({ page, server }) => {
  const files = ["", "_fp16", "_quantized", "_q4"].flatMap((end) => [`vision_model${end}.onnx`, `text_model${end}.onnx`]);
  const { endpoint, folder } = repository(server, "torchscript", "choice", files);
  const int8 = await load(page, endpoint, { precision: "int8" });
  expect(int8.weights).toBe("onnx/vision_model_quantized.onnx");
  expect(worst(int8.images!, "torchscript/vision_model_quantized/images")).toBeGreaterThan(0.999);
  expect(worst(int8.texts!, "torchscript/text_model_quantized/texts")).toBeGreaterThan(0.999);
  const exact = await load(page, endpoint, { precision: "f32" });
  expect(exact.weights).toBe("onnx/vision_model.onnx");
  server.files.delete(`${folder}onnx/vision_model_quantized.onnx`);
  expect((await load(page, endpoint, { precision: "int8", cache: false })).weights).toBe("onnx/vision_model_fp16.onnx");
});

test("one file of both towers, and weights in a file beside it, over a server without ranges too", async ({ page, server }) => {
  const { endpoint } = repository(server, "torchscript", "both", ["model.onnx"]);
  const both = await load(page, endpoint);
  expect(both.weights).toBe("onnx/model.onnx");
  expect(worst(both.images!, "torchscript/model/images")).toBeGreaterThan(0.99999);
  expect(worst(both.texts!, "torchscript/model/texts")).toBeGreaterThan(0.99999);
  const files = ["vision_model.onnx", "vision_model.onnx_data", "text_model.onnx", "text_model.onnx_data"];
  const external = repository(server, "external", "external", files);
  for (const start of [external.endpoint, `/whole${external.endpoint}`]) {
    const found = await load(page, start);
    expect(found.message, start).toBeUndefined();
    expect(worst(found.images!, "dynamo/vision_model/images"), start).toBeGreaterThan(0.99999);
    expect(worst(found.texts!, "dynamo/text_model/texts"), start).toBeGreaterThan(0.99999);
  }
});

test("weights that lack beside an ONNX file, and a repository without any, are said by name", async ({ page, server }) => {
  const { endpoint } = repository(server, "external", "lacks", ["vision_model.onnx"]);
  const lacks = await load(page, endpoint);
  expect(lacks.code).toBe("fetch");
  expect(lacks.message).toMatch(/vision_model\.onnx_data.*404.*as onnx\/vision_model\.onnx says/);
  const none = await load(page, repository(server, "external", "none", []).endpoint);
  expect(none.code).toBe("fetch");
  expect(none.message).toContain("model.safetensors");
});

test("with checksums, the files that have one are read, and no other", async ({ page, server }) => {
  const names = ["vision_model_fp16.onnx", "text_model_fp16.onnx"];
  const { endpoint } = repository(server, "torchscript", "checked", ["vision_model.onnx", "text_model.onnx", ...names]);
  const sha256 = (file: string) => createHash("sha256").update(golden(`torchscript/${file}`)).digest("hex");
  const integrity = Object.fromEntries([...SMALL.map((name) => [name, sha256(name)]), ...names.map((name) => [name, sha256(`onnx/${name}`)])]);
  for (const cached of [false, true]) {
    const found = await load(page, endpoint, { integrity });
    expect(found.message).toBeUndefined();
    expect([found.weights, found.cached]).toEqual(["onnx/vision_model_fp16.onnx", cached]);
    expect(worst(found.texts!, "torchscript/text_model_fp16/texts")).toBeGreaterThan(0.99999);
  }
  const wrong = { ...integrity, "vision_model_fp16.onnx": "0".repeat(64) };
  expect((await load(page, endpoint, { integrity: wrong, cache: false })).code).toBe("integrity");
  const { "vision_model_fp16.onnx": _, ...without } = integrity;
  expect((await load(page, endpoint, { integrity: { ...without, "vision_model_q4.onnx": "0".repeat(64) }, cache: false })).code).toBe("integrity");
  expect((await load(page, endpoint, { integrity: without, cache: false })).code).toBe("weights");
});

test("a loaded model of ONNX files becomes one file of ours", async ({ page, server }) => {
  const { endpoint } = repository(server, "torchscript", "converted", ["vision_model.onnx", "text_model.onnx"]);
  const found = await page.evaluate(
    async ({ endpoint, images, texts }) => {
      const clip = await clipVision.ClipVision.load("Xenova/clip", { hub: { endpoint: new URL(endpoint, location.href) } });
      const weights = await clip.toBlob({ precision: "f16" });
      clip.close();
      const again = await clipVision.ClipVision.load({ weights });
      const embedded: number[][] = [];
      for (const image of images) embedded.push([...(await again.embed(`/golden/images/${image}`, { background: "drop" }))]);
      const ofTexts = (await again.embedTexts(texts)).map((text) => [...text]);
      again.close();
      return { images: embedded, texts: ofTexts };
    },
    { endpoint, ...inputs },
  );
  expect(worst(found.images, "torchscript/vision_model/images")).toBeGreaterThan(0.99999);
  expect(worst(found.texts, "torchscript/text_model/texts")).toBeGreaterThan(0.99999);
});
