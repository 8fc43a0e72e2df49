/** The built package as a user imports it, and its types: what is written here as a type error has to be one. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  ClipVision,
  ClipVisionError,
  type Classification,
  type ClipVisionErrorCode,
  type ClipVisionInfo,
  type EmbeddingDetails,
  type Latest,
  type ManyResult,
  type ModelSource,
  type PhotoSource,
  type PixelTensor,
  type TextDetails,
} from "clip-vision";
import {
  Embeddings,
  cosineSimilarity,
  quantize,
  topK,
  type CollectionFormat,
  type DuplicateGroup,
  type EmbeddingId,
  type QuantizedMatrix,
  type RowMatch,
  type SearchMatch,
} from "clip-vision/search";

describe("the package", () => {
  it("cancels a load whose signal was aborted before", async () => {
    const reason = new Error("no");
    await expect(ClipVision.load("owner/name", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("names its worker and its wasm file so that bundlers find them, and evaluates nothing", () => {
    const read = (file: string) => readFileSync(new URL(`../../dist/${file}`, import.meta.url), "utf8");
    expect(read("page.js")).toContain('new Worker(new URL("./worker.js",import.meta.url),{type:`module`})');
    expect(read("worker.js")).toContain('new URL("./tokenizer.js",import.meta.url)');
    expect(read("worker.js")).toContain('new URL("./seldom.js",import.meta.url)');
    expect(read("worker.js")).toContain('new URL("./gpu.js",import.meta.url)');
    expect(read("worker.js")).toContain('new URL("./wasm/simd/clip_vision_bg.wasm",import.meta.url)');
    expect(read("search.js")).toContain('new Worker(new URL("./search_worker.js",import.meta.url),{type:`module`})');
    const dist = readdirSync(new URL("../../dist", import.meta.url), { encoding: "utf8", recursive: true });
    const files = dist.filter((file) => file.endsWith(".js"));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      // One script is fetched later, named as a file is, and no bundler is to look into that.
      const code = read(file).replaceAll(/\bimport\(\s*\/\* webpackIgnore: true \*\/\s*\/\* turbopackIgnore: true \*\/\s*\/\* @vite-ignore \*\/\s*\w+\s*\)/g, "later()");
      expect(code.split("later(").length - 1, file).toBe(file === "worker.js" ? 1 : 0);
      // What a page needs seldom is a chunk, which every bundler knows: of a worker not all do.
      const chunks = [...code.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, chunk]) => chunk);
      expect(chunks, file).toEqual(/(^|\/)page\.js$/.test(file) ? ["./later.js"] : []);
      expect(code.replaceAll('import("./later.js")', "")).not.toMatch(/\beval\(|new Function|\bimport\((?!\$\{)/);
      // Node's modules stop bundlers: only its own entry names them.
      if (!file.startsWith("node/")) expect(read(file)).not.toMatch(/["'`]node:/);
    }
  });

  it("is small: what a page loads that only embeds, gzipped", () => {
    // Later comes what others need: tokenizer.js with the first text, later.js and seldom.js with what few use, search_worker.js with a collection.
    const size = (...files: string[]) => files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(`../../dist/${file}`, import.meta.url)), { level: 9 }).length, 0);
    // Page and worker share common.js and files.js, which are downloaded once.
    expect(size("index.js", "page.js", "common.js", "files.js", "worker.js")).toBeLessThan(32_750);
    expect(size("index.js", "page.js", "common.js", "files.js")).toBeLessThan(18_250); // on the page, with the list of models
    expect(size("worker.js")).toBeLessThan(14_550); // of which 2.5 kB are what wasm-bindgen wrote
    expect(size("later.js")).toBeLessThan(5_400); // with embedMany, and rare options
    expect(size("seldom.js")).toBeLessThan(13_450); // with what few models and photos need
    expect(size("gpu.js")).toBeLessThan(6_300); // where there is a GPU
    expect(size("tokenizer.js")).toBeLessThan(15_800); // with the first text
    expect(size("search.js", "common.js")).toBeLessThan(16_750); // 6 kB of it is the module for topK
  });

  it("as a crate has every file that it is compiled of", () => {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const ask = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: root, encoding: "utf8" }).split("\n");
    const packed = new Set(ask("cargo", "package", "--list", "--allow-dirty", "--locked", "-p", "clip-vision"));
    const sources = readdirSync(`${root}src`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(sources.length).toBeGreaterThan(100);
    for (const { parentPath, name } of sources) expect(packed).toContain(path.relative(root, path.join(parentPath, name)).replaceAll("\\", "/"));
  });

  it("has the license of every crate of others in its wasm files", () => {
    const root = fileURLToPath(new URL("../../", import.meta.url));
    const ask = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: root, encoding: "utf8", shell: process.platform === "win32" });
    const [packed] = JSON.parse(ask("npm", "pack", "--dry-run", "--json", "--ignore-scripts")) as [{ files: { path: string }[] }];
    expect(packed.files.map(({ path }) => path)).toContain("THIRD_PARTY_NOTICES.txt");

    const notices = readFileSync(`${root}THIRD_PARTY_NOTICES.txt`, "utf8");
    // Over each text a line between two rules: whose it is.
    const owners = [...notices.matchAll(/^={80}\n(.*)\n={80}$/gm)].flatMap(([, names = ""]) => names.split(", "));
    const packages = ["-p", "clip-vision-wasm", "-p", "clip-vision-search-wasm"];
    const tree = ask("cargo", "tree", "--locked", ...packages, "--target", "wasm32-unknown-unknown", "-e", "normal", "--prefix", "none");
    const crates = tree.split("\n").filter((line) => line && !line.includes(root.slice(0, -1))); // a path: one of ours
    const names = new Set(crates.map((line) => line.replace(/^(\S+) v(\S+).*$/, "$1 $2")));
    expect(names.size).toBeGreaterThan(40);
    for (const name of [...names, "std 0.0.0"]) {
      expect(notices).toContain(`\n${name}  `);
      expect(owners).toContain(name);
    }
  }, 60_000);
});

/** Never called: checked by the compiler (`npm test -- types`). */
export async function types(clip: ClipVision, photo: PhotoSource, options: { details: boolean }): Promise<void> {
  expectTypeOf(ClipVision.load("a/b")).resolves.toEqualTypeOf<ClipVision>();
  expectTypeOf(clip.embed(photo)).resolves.toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(clip.embed(photo, { transfer: true })).resolves.toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(clip.embed(photo, { details: false })).resolves.toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(clip.embed(photo, { details: true })).resolves.toEqualTypeOf<EmbeddingDetails>();
  expectTypeOf(clip.embed(photo, options)).resolves.toEqualTypeOf<Float32Array<ArrayBuffer> | EmbeddingDetails>();
  expectTypeOf(clip.tensor(photo)).resolves.toEqualTypeOf<PixelTensor>();
  expectTypeOf(clip.embedText("a dog")).resolves.toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(clip.classify(photo, ["dog", "cat"] as const)).resolves.toEqualTypeOf<Classification[]>();
  void clip.classify(photo, new Set(["dog"]), { template: "{}", onProgress: ({ stage }) => void stage });
  expectTypeOf(clip.info).toEqualTypeOf<ClipVisionInfo>();
  expectTypeOf(clip.close()).toEqualTypeOf<void>();
  expectTypeOf(new ClipVisionError("fetch", "x").code).toEqualTypeOf<ClipVisionErrorCode>();

  for await (const result of clip.embedMany(document.querySelectorAll("img"))) {
    expectTypeOf(result).toEqualTypeOf<ManyResult<HTMLImageElement>>();
    expectTypeOf(result.item).toEqualTypeOf<HTMLImageElement>();
    if (result.error) expectTypeOf(result.error).toEqualTypeOf<ClipVisionError>();
    else expectTypeOf(result.embedding).toEqualTypeOf<Float32Array<ArrayBuffer>>();
  }
  clip.embedMany(new Map([["a", new Blob()]]).values());
  for await (const { item, embedding } of clip.embedMany([{ id: 7, file: new Blob() }], { photo: ({ file }) => file, details: true })) {
    expectTypeOf(item.id).toEqualTypeOf<number>();
    if (embedding) new Blob([embedding]);
  }
  expectTypeOf(clip.embedTexts(new Set(["a dog"]))).resolves.toEqualTypeOf<Float32Array<ArrayBuffer>[]>();
  expectTypeOf(clip.latest()).toEqualTypeOf<Latest>();
  expectTypeOf(clip.latest().embed(photo, { details: true })).resolves.toEqualTypeOf<EmbeddingDetails>();
  expectTypeOf(clip.latest().embedText("a dog", { details: true })).resolves.toEqualTypeOf<TextDetails>();
  void new Response(await clip.embed(photo));
  void clip.classify(await clip.embed(photo), ["dog"]);
  void clip.classify(await clip.embed(photo, { details: true }), ["dog"]);
  using _one = clip;
  await using _other = clip;
  clip.embedMany(document.createElement("input").files!, { onProgress: ({ done, total = done }) => void total });

  expectTypeOf<{ config: File; weights: URL }>().toExtend<ModelSource>();
  for (const one of [new ImageData(1, 1), document.createElement("video"), new Uint16Array(1), new URL("x:y")] as const) {
    void clip.embed(one);
  }

  expectTypeOf(cosineSimilarity([1], Float32Array.of(1))).toEqualTypeOf<number>();
  const packed = quantize(new Float32Array(4), 2);
  expectTypeOf(packed).toEqualTypeOf<QuantizedMatrix>();
  expectTypeOf(topK(new Float32Array(2), packed)).toEqualTypeOf<RowMatch[]>();
  topK(new Float32Array(2), new Int8Array(4), 3);
  const photos = new Embeddings<string>({ precision: "int8", dimension: 512 });
  expectTypeOf(photos.add("a", await clip.embed(photo))).resolves.toEqualTypeOf<void>();
  expectTypeOf(photos.search(await clip.embedText("a dog"), 5, { filter: (id) => id.endsWith(".jpg") })).resolves.toEqualTypeOf<SearchMatch<string>[]>();
  expectTypeOf(photos.nearDuplicates({ threshold: 0.9 })).resolves.toEqualTypeOf<DuplicateGroup<string>[]>();
  expectTypeOf(photos.get("a")).resolves.toEqualTypeOf<Float32Array | undefined>();
  expectTypeOf(photos.toBlob).parameter(0).toEqualTypeOf<CollectionFormat | undefined>();
  expectTypeOf(Embeddings.load("/photos")).resolves.toEqualTypeOf<Embeddings<EmbeddingId>>();
  expectTypeOf(Embeddings.load<number>(new Blob(), { ids: new Set([1, 2]) })).resolves.toEqualTypeOf<Embeddings<number>>();
  expectTypeOf(Embeddings.loadFromOpfs<string>("photos")).resolves.toEqualTypeOf<Embeddings<string>>();
  // @ts-expect-error ids of this collection are texts
  await photos.add(7, new Float32Array(512));
  void photos.search([1, 2, 3], 5, { relevance: { queries: [[1, 2, 3], new Float32Array(3)], least: 3 } });
  expectTypeOf(photos.model).toEqualTypeOf<string | undefined>();
  void photos.add("a", await clip.embed(photo, { details: true }));
  void photos.add("a", { embedding: [1, 2, 3], model: clip.info.model });
  void photos.search([1, 2, 3]);
  // @ts-expect-error an embedding is one, not the promise of one
  await photos.add("a", clip.embed(photo));
  // @ts-expect-error an embedding is made of numbers
  await photos.search(["1", "2", "3"]);
  // @ts-expect-error an unknown format
  await photos.toBlob("csv");
  // @ts-expect-error ids are texts or numbers
  new Embeddings<Date>();

  // @ts-expect-error a model needs weights
  await ClipVision.load({ config: "c" });
  // @ts-expect-error an option of a group
  await ClipVision.load("a/b", { maxBytes: 7 });
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
