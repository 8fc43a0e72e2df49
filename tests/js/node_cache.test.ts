/** The cache of models in Node: a folder of this machine, with which a load needs no network. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ClipVision, deleteCached, listCached, type LoadOptions, type LoadWarning } from "clip-vision";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { expected, maxDifference } from "../browser/golden.ts";
import { TestServer } from "../browser/server.ts";
import { cacheFolder } from "../../web/node/store.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PHOTO = path.join(root, "tests", "golden", "images", "rgb-photo.png");
const python = expected("b32-tiny").values("embedding/rgb-photo.png")!;

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "clip-vision-cache-"));
  vi.stubEnv("CLIP_VISION_CACHE", folder);
  server.requests.length = 0;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const kept = (): string => path.join(folder, "models");
const weightsAsked = (): number => server.requests.filter((one) => one.endsWith("model.safetensors")).length;

/** Loads the model, embeds a photo and, if asked to, a text. */
async function use(options: LoadOptions & { text?: boolean; from?: string } = {}): Promise<LoadWarning["code"][]> {
  const { text = false, from = `${server.url}golden/models/b32-tiny`, ...rest } = options;
  const warnings: LoadWarning["code"][] = [];
  const clip = await ClipVision.load(from, { ...rest, onWarning: ({ code }) => void warnings.push(code) });
  expect(maxDifference(await clip.embed(PHOTO), python)).toBeLessThanOrEqual(1e-4);
  if (text) expect(await clip.embedText("a dog")).toHaveLength(python.length);
  clip.close();
  return warnings;
}

describe("a model of a server", () => {
  it("is kept on disk, and loaded without the network the next time, its text tower too", async () => {
    expect(await use({ text: true })).toEqual([]);
    const asked = server.requests.length;
    expect(asked).toBeGreaterThan(3);
    expect((await readdir(kept())).sort()).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}\.json$/),
      expect.stringMatching(/\.text\./),
      expect.stringMatching(/\.vision\./),
    ]);
    expect(await use({ text: true })).toEqual([]);
    expect(server.requests).toHaveLength(asked);
  });

  it("is not with cache: false, nor if it is on a disk already", async () => {
    expect(await use({ cache: false })).toEqual([]);
    expect(await use({ from: path.join(root, "tests", "golden", "models", "b32-tiny") })).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is compared with the server's by \"revalidate\"", async () => {
    await use({ cache: "revalidate" });
    const loaded = server.ranges.length;
    expect(await use({ cache: "revalidate" })).toEqual([]);
    const sizes = server.ranges.slice(loaded).map(([, range]) => range);
    expect(sizes.length).toBeGreaterThan(0);
    expect(sizes.every((range) => range.startsWith("bytes 0-0/"))).toBe(true);
  });

  it.each<[string, (file: string) => Promise<unknown>]>([
    ["cut", (file) => truncate(file, 1000)],
    ["gone", (file) => rm(file)],
    [
      "damaged",
      async (file) => {
        const bytes = await readFile(file);
        bytes[bytes.byteLength - 100]! ^= 1;
        await writeFile(file, bytes);
      },
    ],
  ])("is downloaded again, once, if its file was %s", async (_, damage) => {
    await use();
    await damage(path.join(kept(), (await readdir(kept())).find((name) => name.includes(".vision."))!));
    const asked = weightsAsked();
    expect(await use()).toEqual(["cache-corrupt"]);
    expect(weightsAsked()).toBeGreaterThan(asked);
    expect(await use()).toEqual([]);
  });

  it("is downloaded by one of those who want it at once; the others wait", async () => {
    await use();
    const alone = weightsAsked();
    await deleteCached();
    server.requests.length = 0;
    await Promise.all([use(), use(), use()]);
    expect(weightsAsked()).toBe(alone);
  });

  it("is loaded in several processes at once, and what they leave is whole", async () => {
    const script = `
      import { ClipVision } from "clip-vision";
      const clip = await ClipVision.load(process.argv[1], { onWarning: ({ code }) => console.log(code) });
      console.log((await clip.embed(process.argv[2])).length);`;
    const run = () =>
      promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script, `${server.url}golden/models/b32-tiny`, PHOTO], { cwd: root, timeout: 50_000 });
    const printed = await Promise.all([run(), run(), run()]);
    expect(printed.map(({ stdout }) => stdout.trim())).toEqual(Array(3).fill(String(python.length)));
    server.requests.length = 0;
    expect(await use()).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  it("is loaded though a process that was ended left its lock and half a file", async () => {
    await use();
    const [record] = (await readdir(kept())).filter((name) => name.endsWith(".json"));
    const id = record!.slice(0, 32);
    await deleteCached();
    await writeFile(path.join(kept(), `${id}.lock`), "");
    const half = path.join(kept(), `${id}.vision.half`);
    await writeFile(half, "half");
    const longAgo = new Date(Date.now() - 48 * 3600_000);
    for (const file of [half, path.join(kept(), `${id}.lock`)]) await utimes(file, longAgo, longAgo);
    expect(await use()).toEqual([]);
    expect((await readdir(kept())).filter((name) => /half|lock/.test(name))).toEqual([]);
  });

  it("is loaded all the same where nothing can be kept, with a warning", async () => {
    await writeFile(path.join(folder, "file"), "");
    vi.stubEnv("CLIP_VISION_CACHE", path.join(folder, "file"));
    expect(await use()).toEqual(["cache-unavailable"]);
    expect(await listCached()).toEqual([]);
    expect(await deleteCached()).toBe(0);
  });
});

describe("what is kept", () => {
  it("is listed, and removed, by name or as a whole; files of others stay", async () => {
    const other = `${server.url}golden/models/odd-widths`;
    await use({ text: true });
    (await ClipVision.load(`${other}?secret=1`, { precision: "int8" })).close();
    const theirs = ["notes.txt", "model.safetensors"];
    for (const name of theirs) await writeFile(path.join(kept(), name), "mine");
    const all = await listCached();
    expect(all.map(({ model, precision, text }) => ({ model, precision, text })).sort((a, b) => a.model.localeCompare(b.model))).toEqual([
      { model: `${server.url}golden/models/b32-tiny`, precision: "stored", text: true },
      { model: other, precision: "int8", text: false },
    ]);
    expect(await deleteCached(other)).toBe(1);
    expect(await listCached()).toHaveLength(1);
    expect(await deleteCached()).toBe(1);
    expect((await readdir(kept())).sort()).toEqual(theirs.sort());
  });

  it("is where this system keeps such things, unless a variable says where", async () => {
    const home = os.homedir();
    const at = (env: NodeJS.ProcessEnv, system: string) => cacheFolder(env, system);
    expect(at({}, "linux")).toBe(path.join(home, ".cache", "clip-vision", "models"));
    expect(at({}, "darwin")).toBe(path.join(home, "Library", "Caches", "clip-vision", "models"));
    expect(at({ LOCALAPPDATA: "/local" }, "win32")).toBe(path.join("/local", "clip-vision", "models"));
    expect(at({}, "win32")).toBe(path.join(home, "AppData", "Local", "clip-vision", "models"));
    for (const system of ["linux", "darwin", "win32"]) {
      expect(at({ XDG_CACHE_HOME: path.resolve("/xdg") }, system)).toBe(path.join(path.resolve("/xdg"), "clip-vision", "models"));
      expect(at({ XDG_CACHE_HOME: "not/absolute", CLIP_VISION_CACHE: "here" }, system)).toBe(path.resolve("here", "models"));
    }
  });
});
