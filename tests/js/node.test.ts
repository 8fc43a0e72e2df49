/** The built package in Node: the same embeddings as Python's, from paths as well as addresses. */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ClipVision, ClipVisionError } from "clip-vision";
import { Embeddings } from "clip-vision/search";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { cosine, expected, images, maxDifference, Safetensors } from "../browser/golden.ts";
import { TestServer } from "../browser/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const golden = (...parts: string[]): string => path.join(root, "tests", "golden", ...parts);
const MODEL = golden("models", "odd-widths");
const PHOTO = golden("images", "rgb-photo.png");
const python = expected("odd-widths");

/** A script in a Node of its own; resolves to what it prints. */
async function inNode(script: string, ...args: string[]): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script, ...args], { cwd: root, timeout: 50_000 });
  return stdout.trim();
}

let server: TestServer;
let address: string;
let cache: string;
beforeAll(async () => {
  server = await TestServer.start();
  address = `${server.url}golden`;
  cache = await mkdtemp(path.join(tmpdir(), "clip-vision-cache-"));
  vi.stubEnv("CLIP_VISION_CACHE", cache); // the user's own stays as it is
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(cache, { recursive: true });
});

const check = (embedding: Float32Array, file = "rgb-photo.png") =>
  expect(maxDifference(embedding, python.embedding(file)!), file).toBeLessThanOrEqual(1e-4);

describe("a model", () => {
  const read = (file: string) => readFile(path.join(MODEL, file));
  const models: [string, () => Promise<Parameters<typeof ClipVision.load>[0]>][] = [
    ["a path", async () => MODEL],
    ["a relative path", async () => `./${path.relative(process.cwd(), MODEL)}/`],
    ["a file: URL", async () => pathToFileURL(MODEL)],
    ["an http: URL", async () => `${address}/models/odd-widths`],
    [
      "bytes, a Blob and a path",
      async () => ({
        config: await read("config.json"),
        preprocessor: new Blob([await read("preprocessor_config.json")]),
        weights: path.join(MODEL, "model.safetensors"),
      }),
    ],
  ];
  it.each(models)("is %s", async (_, source) => {
    const clip = await ClipVision.load(await source());
    expect(clip.info).toMatchObject({ dimension: 37, imageSize: 30, precision: "f32" });
    check(await clip.embed(PHOTO));
    clip.close();
  });

  it("that is not there, or is not a model, is an error with a code", async () => {
    const code = (source: string) => ClipVision.load(source).catch((error: ClipVisionError) => `${error.code}: ${error.message}`);
    expect(await code(golden("models", "nothing"))).toMatch(/^fetch: file:.*nothing\/config\.json: No such file$/);
    expect(await code(golden("images"))).toMatch(/^fetch: /);
    expect(await code("http://127.0.0.1:9/model")).toMatch(/^fetch: /);
    expect(await code("http://")).toMatch(/^invalid-argument: /);
  });
});

describe("two names and a slash", () => {
  const here = process.cwd();
  afterEach(() => process.chdir(here));

  it("are a folder or a file if there is one, before they are a Hub id", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "clip-vision-models-"));
    await mkdir(path.join(folder, "models"));
    await cp(MODEL, path.join(folder, "models", "clip.v1"), { recursive: true });
    process.chdir(folder);
    const clip = await ClipVision.load("models/clip.v1");
    check(await clip.embed(PHOTO));
    expect(clip.info.model).toBe("models/clip.v1");
    clip.close();
    const hub = `${server.url}status/401`;
    const error = await ClipVision.load("models/none", { hub: { endpoint: hub } }).catch((one: ClipVisionError) => one);
    expect(error).toMatchObject({ code: "fetch", message: expect.stringMatching(/401.*taken for the id of a model on the Hub.*"\.\/models\/none"/) });
    process.chdir(here);
    await rm(folder, { recursive: true });
  });
});

describe("with a model", () => {
  let clip: ClipVision;
  beforeAll(async () => {
    clip = await ClipVision.load(MODEL);
  });
  afterAll(() => clip.close());

  it("photos are paths, addresses, bytes, Blobs and pixels; the caller's bytes stay", async () => {
    const bytes = await readFile(PHOTO);
    const small = Buffer.from(bytes.subarray(0, 100)); // of Node's pool, which never moves
    for (const photo of [
      PHOTO,
      path.relative(process.cwd(), PHOTO),
      pathToFileURL(PHOTO),
      pathToFileURL(PHOTO).href,
      `${address}/images/rgb-photo.png`,
      `data:image/png;base64,${bytes.toString("base64")}`,
      bytes,
      new Uint8Array(bytes).buffer,
      new Blob([bytes]),
      new File([bytes], "x.gif"),
    ]) {
      check(await clip.embed(photo));
    }
    expect(bytes.byteLength).toBeGreaterThan(100);
    await expect(clip.embed(small, { transfer: true })).rejects.toMatchObject({ code: "decode" });
    const gray = { data: new Uint8Array(12).fill(9), width: 4, height: 3, channels: 1 } as const;
    const rgb = { data: new Uint8Array(36).fill(9), width: 4, height: 3, channels: 3 } as const;
    expect(await clip.embed(gray)).toEqual(await clip.embed(rgb));
  });

  it("every golden photo has Python's embedding", async () => {
    let index = 0;
    for await (const { embedding, error } of clip.embedMany(images.map(({ file }) => golden("images", file)))) {
      const { file, lossy } = images[index++]!;
      if (error) throw error;
      expect(cosine(embedding, python.embedding(file)!), file).toBeGreaterThanOrEqual(0.9999);
      if (!lossy) check(embedding, file);
    }
    expect(index).toBe(images.length);
  });

  it("errors have codes, and a signal cancels", async () => {
    const code = (photo: string | Blob) => clip.embed(photo).catch((error: ClipVisionError) => error.code);
    expect(await code(golden("broken", "not-an-image.jpg"))).toBe("unsupported-format");
    expect(await code(golden("broken", "truncated.png"))).toBe("decode");
    expect(await code(golden("nothing.png"))).toBe("fetch");
    expect(await code(root)).toBe("fetch");
    expect(await code(`${address}/nothing.png`)).toBe("fetch");
    const controller = new AbortController();
    const work = clip.embed(PHOTO, { signal: controller.signal });
    controller.abort("enough");
    await expect(work).rejects.toBe("enough");
    check(await clip.embed(PHOTO));
  });

  it("a thread that is stuck is ended once a call is canceled, and another goes on", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "clip-vision-stuck-"));
    const script = path.join(folder, "worker.mjs");
    const worker = pathToFileURL(path.join(root, "dist", "node", "worker.js")).href;
    await writeFile(script, `
      import { parentPort } from "node:worker_threads";
      await import(${JSON.stringify(worker)});
      parentPort.on("message", ({ type }) => { if (type === "embedTexts") for (;;); });
    `);
    const clip = await ClipVision.load(MODEL, { worker: () => new Worker(script) as never, limits: { cancelTimeout: 300 } });
    const controller = new AbortController();
    const stuck = clip.embedText("x", { signal: controller.signal });
    const lost = clip.embed(PHOTO);
    setTimeout(() => controller.abort("enough"), 50);
    await expect(stuck).rejects.toBe("enough");
    await expect(lost).rejects.toMatchObject({ code: "worker-crashed", message: expect.stringContaining("cancelTimeout") });
    check(await clip.embed(PHOTO));
    clip.close();
    await rm(folder, { recursive: true });
  });

  it("several workers embed", async () => {
    const clip = await ClipVision.load(MODEL, { threads: 1 });
    const all: Float32Array[] = [];
    for await (const { embedding } of clip.embedMany(Array<string>(60).fill(PHOTO), { workers: 2 })) all.push(embedding!);
    expect(all).toHaveLength(60);
    all.forEach((embedding) => check(embedding));
    clip.close();
  });
});

it("threads change no bit of an embedding, and end with the process, closed or not, computing or not", async () => {
  const script = `
    import { ClipVision } from "clip-vision";
    const [, model, photo, threads, last] = process.argv;
    const clip = await ClipVision.load(model, { threads: Number(threads) });
    const embedding = await clip.embed(photo);
    const text = await clip.embedText("a dog");
    console.log(clip.info.threads, Buffer.from(embedding.buffer).toString("hex"), Buffer.from(text.buffer).toString("hex"));
    if (last === "close") clip.close();
    if (last === "exit") {
      for (let i = 0; i < 20; i += 1) clip.embed(photo).catch(() => undefined);
      setTimeout(() => process.exit(), 20);
    }`;
  const run = async (threads: number, last: string) => (await inNode(script, golden("models", "b32-tiny"), PHOTO, String(threads), last)).split(" ");
  const [one, ...alone] = await run(1, "");
  expect(one).toBe("1");
  for (const [threads, last] of [[2, ""], [3, "close"], [4, "exit"]] as const) {
    expect(await run(threads, last)).toEqual([String(threads), ...alone]);
  }
}, 60_000);

it("texts have Python's embeddings", async () => {
  const { rows } = JSON.parse((await readFile(golden("texts.json"))).toString()) as { rows: [string][] };
  const clip = await ClipVision.load(golden("models", "b32-tiny"));
  const [text] = rows[0]!;
  const embedding = await clip.embedText(text);
  const all = new Safetensors(await readFile(golden("expected_text", "b32-tiny.safetensors")));
  expect(maxDifference(embedding, all.values("embeddings")!.subarray(0, embedding.length))).toBeLessThanOrEqual(1e-4);
  clip.close();
});

it("a collection of embeddings is loaded from a path", async () => {
  const photos = new Embeddings();
  await photos.add("a", Float32Array.of(1, 0));
  const file = path.join(await mkdtemp(path.join(tmpdir(), "clip-vision-")), "photos.bin");
  await writeFile(file, new Uint8Array(await (await photos.toBlob()).arrayBuffer()));
  const loaded = await Embeddings.load(file);
  expect(await loaded.search(Float32Array.of(1, 0), 1)).toMatchObject([{ id: "a" }]);
  await rm(path.dirname(file), { recursive: true });
  await expect(Embeddings.load(file)).rejects.toMatchObject({ code: "fetch" });
});

it("a decoder of the application's reads HEIC, as docs/recipes.md has it", async () => {
  const clip = await ClipVision.load(MODEL, {
    decoders: {
      "image/heic": async (bytes) => {
        const { default: decode } = await import("heic-decode");
        return decode({ buffer: bytes });
      },
    },
  });
  const photo = golden("foreign", "photo.heic");
  const { embedding, model, decoder, width, height } = await clip.embed(photo, { details: true });
  expect(model).toBe(clip.info.model);
  for await (const result of clip.embedMany([photo], { details: true })) expect(result).toMatchObject({ details: { model, embedding } });
  expect({ decoder, width, height }).toEqual({ decoder: "application", width: 160, height: 120 });
  expect(cosine(embedding, python.embedding("rgb-photo.png")!)).toBeGreaterThanOrEqual(0.999);
  clip.close();
  const without = await ClipVision.load(MODEL);
  await expect(without.embed(photo)).rejects.toMatchObject({ code: "unsupported-format", message: expect.stringMatching(/HEIC/) });
  without.close();
});

it("a script that forgets close() ends all the same", async () => {
  const script = `
    import { ClipVision } from "clip-vision";
    const clip = await ClipVision.load(process.argv[1]);
    console.log((await clip.embed(process.argv[2])).length);`;
  expect(await inNode(script, MODEL, PHOTO)).toBe("37");
});

it("where there are neither workers nor threads, as at the edge and in service workers, a load says what to do", async () => {
  const script = `
    const { ClipVision } = await import(process.argv[1]); // what is not the condition "node"
    await ClipVision.load("owner/name").catch(({ code, message }) => console.log(code, message));`;
  const printed = await inNode(script, pathToFileURL(path.join(root, "dist", "index.js")).href);
  expect(printed).toMatch(/^unsupported-browser There are no Web Workers here.*in a page or a dedicated worker.*Node/);
});

it("importing touches no global of a browser's", async () => {
  // What ECMAScript itself defines may be used; whoever looks at anything else throws.
  const script = `
    const own = new Set(("Object Function Array Number Boolean String Symbol Date Promise RegExp Error AggregateError EvalError " +
      "RangeError ReferenceError SyntaxError TypeError URIError JSON Math Intl ArrayBuffer Atomics Uint8Array Int8Array Uint16Array " +
      "Int16Array Uint32Array Int32Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt " +
      "Set Iterator WeakMap WeakSet WeakRef Proxy Reflect FinalizationRegistry SharedArrayBuffer globalThis Infinity NaN undefined " +
      "isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval").split(" "));
    const log = console.log.bind(console);
    const { argv } = process;
    const seen = new Set();
    for (const name of [...Object.getOwnPropertyNames(globalThis), "window", "self", "document", "navigator", "location", "Worker", "Image"]) {
      if (own.has(name) || name === "process" || name === "global") continue;
      const value = globalThis[name];
      Object.defineProperty(globalThis, name, { configurable: true, get: () => (/dist/.test(new Error().stack) && seen.add(name), value) });
    }
    const { ClipVision, ClipVisionError } = await import(argv[1]);
    log(typeof ClipVision.load, typeof ClipVisionError, [...seen].join(" "));`;
  for (const entry of ["index.js", "node/index.js"]) {
    expect(await inNode(script, pathToFileURL(path.join(root, "dist", entry)).href), entry).toBe("function function");
  }
});
