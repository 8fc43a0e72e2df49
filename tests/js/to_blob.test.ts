/** A model as one file: what `toBlob` and the command `convert` write loads again, and gives the same embeddings. In Node, from the real engine. */

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ClipVision, type LoadOptions, type LoadProgress, type ModelSource } from "clip-vision";
import { afterAll, describe, expect, it } from "vitest";
import { BlobRecorder } from "../../web/worker/converting.ts";
import type { EngineLoader } from "../../web/worker/engine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SHAPES = path.join(root, "models", "shapes");
const PHOTO = path.join(root, "tests", "golden", "images", "photo-420.jpg");
const folder = mkdtempSync(path.join(os.tmpdir(), "clip-vision-to-blob-"));
afterAll(() => rmSync(folder, { recursive: true }));

const loaded: ClipVision[] = [];
afterAll(() => loaded.forEach((clip) => clip.close()));
const load = async (model: ModelSource, options: LoadOptions = {}): Promise<ClipVision> => {
  const clip = await ClipVision.load(model, { cache: false, ...options });
  loaded.push(clip);
  return clip;
};
const vectors = async (clip: ClipVision) => [await clip.embed(PHOTO), await clip.embedText("a red circle")] as const;
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe("toBlob", () => {
  it("in 8 bits gives what weights give that are quantized as they are loaded", async () => {
    const before = await load(SHAPES, { precision: "int8" });
    const blob = await before.toBlob();
    const after = await load(blob);
    expect(after.info).toMatchObject({ precision: "int8", bytes: before.info.bytes, dimension: before.info.dimension });
    expect(await vectors(after)).toEqual(await vectors(before));
    expect(blob.size).toBeLessThan(0.65 * readFileSync(path.join(SHAPES, "model.safetensors")).byteLength);
  });

  it("in half precision is the default, and a file is converted again with its tokenizer", async () => {
    const before = await load(SHAPES);
    const progress: LoadProgress[] = [];
    const half = await before.toBlob({ onProgress: (one) => progress.push(one) });
    expect(progress.at(-1)).toMatchObject({ stage: "weights", overall: 1 });
    const after = await load(half);
    expect(after.info.precision).toBe("f32");
    const [photo, text] = await vectors(before);
    const [photoAfter, textAfter] = await vectors(after);
    expect(cosine(photo, photoAfter)).toBeGreaterThan(0.99999);
    expect(cosine(text, textAfter)).toBeGreaterThan(0.99999);

    const bits = await load(await after.toBlob({ precision: "int8" }));
    expect(cosine(text, (await vectors(bits))[1])).toBeGreaterThan(0.995);
    await expect(bits.toBlob({ precision: "f16" })).rejects.toMatchObject({ code: "weights", message: expect.stringContaining("8 bits already") });
  });

  it("without texts has no text tower", async () => {
    const clip = await load(SHAPES);
    const [both, alone] = [await clip.toBlob({ precision: "int8" }), await clip.toBlob({ precision: "int8", visionOnly: true })];
    expect(alone.size).toBeLessThan(both.size);
    const after = await load(alone);
    expect(await after.embed(PHOTO)).toEqual(await (await load(both)).embed(PHOTO));
    await expect(after.embedText("a")).rejects.toMatchObject({ message: expect.stringContaining("no text") });
    const again = await after.toBlob({ precision: "int8" });
    expect(Math.abs(again.size - alone.size)).toBeLessThan(200); // it says what it was made of
  });

  it("says what makes no sense, and what was canceled", async () => {
    const clip = await load(SHAPES);
    await expect(clip.toBlob({ precision: "f32" as never })).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining('"f16" or "int8"') });
    const stop = new AbortController();
    const reason = new Error("no longer");
    const blob = clip.toBlob({ signal: stop.signal });
    stop.abort(reason);
    await expect(blob).rejects.toBe(reason);
    expect(await clip.embed(PHOTO)).toHaveLength(clip.info.dimension);
  });
});

it("a handle of the latest gives a text's details as the model does", async () => {
  const clip = await load(SHAPES);
  const details = await clip.latest().embedText("a red circle", { details: true });
  expect(details).toEqual({ ...(await clip.embedText("a red circle", { details: true })), tableBytes: details.tableBytes });
  expect(details.tokens).toBeGreaterThan(2);
});

it("of a recording without a header there is no file", () => {
  const loader = { takeRecorded: () => new Uint8Array(3), finishRecording: () => undefined } as unknown as EngineLoader;
  expect(() => new BlobRecorder((work) => work(), loader).finish()).toThrow(/no header/);
});

it("npx clip-vision convert writes the same file", async () => {
  const out = path.join(folder, "shapes.safetensors");
  const run = promisify(execFile);
  const args = [path.join(root, "dist", "node", "cli.js"), "convert", "--model", SHAPES, "--precision", "int8", "--out", out];
  expect(await run(process.execPath, args)).toEqual({ stdout: "", stderr: "" });
  expect(readdirSync(folder)).toEqual(["shapes.safetensors"]);
  const before = await load(SHAPES, { precision: "int8" });
  expect(new Uint8Array(await (await before.toBlob()).arrayBuffer())).toEqual(new Uint8Array(readFileSync(out)));
  expect(await vectors(await load(out))).toEqual(await vectors(before));
}, 60_000);
