/** The built package as a user imports it, and its types: what is written here as a type error has to be one. */

import { readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  ClipVision,
  ClipVisionError,
  type ClipVisionErrorCode,
  type ClipVisionInfo,
  type EmbeddingDetails,
  type ManyResult,
  type ModelSource,
  type PhotoSource,
  type PixelTensor,
} from "clip-vision";

describe("the package", () => {
  it("takes back a load that was taken back before", async () => {
    const reason = new Error("no");
    await expect(ClipVision.load("owner/name", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("names its worker and its wasm file so that bundlers find them, and evaluates nothing", () => {
    const read = (file: string) => readFileSync(new URL(`../../dist/${file}`, import.meta.url), "utf8");
    expect(read("index.js")).toContain('new Worker(new URL("./worker.js", import.meta.url), { type: "module" })');
    expect(read("flavour.js")).toContain('new URL("./wasm/simd/clip_vision_bg.wasm", import.meta.url)');
    const files = ["index.js", "worker.js", "client.js", "dispatcher.js", "engine.js", "flavour.js", "tokenizer.js", "texts.js", "platform.js"];
    for (const file of [...files, "vendor/tokenizers.js"]) {
      expect(read(file)).not.toMatch(/\beval\(|new Function|\bimport\(|createObjectURL|["']node:/);
    }
  });
});

/** Never called: checked by the compiler (`npm test -- types`). */
export async function types(clip: ClipVision, photo: PhotoSource, options: { details: boolean }): Promise<void> {
  expectTypeOf(ClipVision.load("a/b")).resolves.toEqualTypeOf<ClipVision>();
  expectTypeOf(clip.embed(photo)).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(clip.embed(photo, { transfer: true })).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(clip.embed(photo, { details: false })).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(clip.embed(photo, { details: true })).resolves.toEqualTypeOf<EmbeddingDetails>();
  expectTypeOf(clip.embed(photo, options)).resolves.toEqualTypeOf<Float32Array | EmbeddingDetails>();
  expectTypeOf(clip.tensor(photo)).resolves.toEqualTypeOf<PixelTensor>();
  expectTypeOf(clip.embedText("a dog")).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(clip.classify(photo, ["dog", "cat"] as const)).resolves.toEqualTypeOf<number[]>();
  void clip.classify(photo, new Set(["dog"]), { template: "{}", onProgress: ({ stage }) => void stage });
  expectTypeOf(clip.info).toEqualTypeOf<ClipVisionInfo>();
  expectTypeOf(clip.close()).toEqualTypeOf<void>();
  expectTypeOf(new ClipVisionError("fetch", "x").code).toEqualTypeOf<ClipVisionErrorCode>();

  for await (const result of clip.embedMany(document.querySelectorAll("img"))) {
    expectTypeOf(result).toEqualTypeOf<ManyResult>();
    if (result.error) expectTypeOf(result.error).toEqualTypeOf<ClipVisionError>();
    else expectTypeOf(result.embedding).toEqualTypeOf<Float32Array>();
  }
  clip.embedMany(new Map([["a", new Blob()]]).values());
  clip.embedMany(document.createElement("input").files!, { onProgress: ({ done, total = done }) => void total });

  expectTypeOf<{ config: File; weights: URL }>().toExtend<ModelSource>();
  for (const one of [new ImageData(1, 1), document.createElement("video"), new Uint16Array(1), new URL("x:y")] as const) {
    void clip.embed(one);
  }

  // @ts-expect-error a model needs weights
  await ClipVision.load({ config: "c" });
  // @ts-expect-error an unknown precision
  await ClipVision.load("a/b", { precision: "f8" });
  // @ts-expect-error not a photo
  await clip.embed(7);
  // @ts-expect-error not a text
  await clip.embedText(["a", "b"]);
  // @ts-expect-error labels are texts
  await clip.classify(photo, [1, 2]);
  // @ts-expect-error two channels
  await clip.embed({ data: new Uint8Array(2), width: 1, height: 1, channels: 2 });
  // @ts-expect-error only load makes one
  new ClipVision();
  // @ts-expect-error what a model is does not change
  clip.info.dimension = 1;
}
