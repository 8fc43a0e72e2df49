/** Models on a GPU by WebGPU, or on software in its place: what they embed is what Python computed, and what the processor does. */

import { readFileSync } from "node:fs";
import { expect, test as playwright } from "@playwright/test";
import { cosine, expected, maxDifference, Safetensors } from "../golden.ts";
import type { Tab, Test } from "./tab.ts";

/** Golden models, and what they are there for: texts, padding, heads, activations, one photo of 257 tokens. */
export const GPU_MODELS = ["b32-tiny", "odd-widths", "patch14-gelu", "no-preprocessor"];
const FILES = ["rgb-photo.png", "gray.png", "lossless.webp"];
const FAMILY_FILES = ["rgb-photo.png", "rgba.png", "rgb-223x301.png"];
const TEXTS = ["a photo of a dog", "x"];

/** Skips where the browser has no GPU at all: what can't run has not passed. */
export async function needsGpu(tab: Tab): Promise<void> {
  const there = await tab.evaluate(async () => Boolean(await (navigator as Partial<Navigator>).gpu?.requestAdapter()));
  playwright.skip(!there, "this browser has no GPU here, nor software in its place");
}

export function testGpuModels(test: Test, models: readonly string[] = GPU_MODELS): void {
  for (const model of models) {
    test(`${model} on a GPU: embeddings equal transformers', and the processor's`, async ({ tab }) => {
      await needsGpu(tab);
      const answer = await tab.evaluate(
        async ({ model, files, texts }) => {
          const embed = async (device: "wasm" | "webgpu") => {
            const clip = await clipVision.ClipVision.load(`/golden/models/${model}`, { device, cache: false });
            const photos: number[][] = [];
            for (const file of [...files, files[0]!]) photos.push(Array.from(await clip.embed(`/golden/images/${file}`)));
            const many: number[][] = [];
            for await (const { embedding } of clip.embedMany(files.map((file) => `/golden/images/${file}`))) many.push(Array.from(embedding!));
            const words = clip.info.task === "photos" ? [] : (await clip.embedTexts(texts)).map((one) => Array.from(one));
            clip.close();
            return { info: clip.info, photos, many, words };
          };
          return { cpu: await embed("wasm"), gpu: await embed("webgpu") };
        },
        { model, files: FILES, texts: TEXTS },
      );
      const { cpu, gpu } = answer;
      expect(gpu.info.device).toBe("webgpu");
      expect(gpu.info.gpu!.cosine).toBeGreaterThanOrEqual(0.999999);
      const golden = expected(model);
      FILES.forEach((file, index) => {
        expect(cosine(gpu.photos[index]!, golden.embedding(file)!), file).toBeGreaterThanOrEqual(0.9999);
        expect(cosine(gpu.photos[index]!, cpu.photos[index]!), file).toBeGreaterThanOrEqual(0.999999);
        expect(maxDifference(gpu.many[index]!, gpu.photos[index]!), `${file} of many`).toBeLessThanOrEqual(1e-5);
      });
      expect(gpu.photos.at(-1), "the same bits again").toEqual(gpu.photos[0]);
      gpu.words.forEach((embedding, index) => expect(cosine(embedding, cpu.words[index]!), TEXTS[index]).toBeGreaterThanOrEqual(0.999999));
    });
  }
}

/** The other families, with a class token and without, a bias of the patches, a pooling head, scaled layers. */
const GPU_FAMILIES = ["chinese_clip", "dinov2", "metaclip2", "open_clip", "siglip", "siglip2", "siglip_timm"];

export function testGpuFamilies(test: Test, families: readonly string[] = GPU_FAMILIES): void {
  for (const family of families) {
    test(`${family} on a GPU: embeddings equal Python's`, async ({ tab }) => {
      await needsGpu(tab);
      const golden = new Safetensors(readFileSync(new URL(`../../golden/families/${family}/expected.safetensors`, import.meta.url)));
      const { info, photos } = await tab.evaluate(
        async ({ family, files }) => {
          const clip = await clipVision.ClipVision.load(`/golden/families/${family}`, { device: "webgpu", cache: false });
          const photos: number[][] = [];
          for (const file of files) photos.push(Array.from(await clip.embed(`/golden/images/${file}`, { background: "drop" })));
          const { info } = clip;
          clip.close();
          return { info, photos };
        },
        { family, files: FAMILY_FILES },
      );
      expect(info.device).toBe("webgpu");
      FAMILY_FILES.forEach((file, index) => expect(cosine(photos[index]!, golden.values(`${file}/embedding`)!), file).toBeGreaterThanOrEqual(0.99999));
    });
  }
}
