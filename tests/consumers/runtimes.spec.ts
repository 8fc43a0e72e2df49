/**
 * The packed package outside browsers: in Node, Deno and Bun (those of package.json, which come from npm as well), in jsdom, and
 * bundled for a server. Each program has to end by itself, though it closes nothing.
 */

import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { cosine, expected, maxDifference } from "../browser/golden.ts";
import { TestServer } from "../browser/server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const consumers = path.join(root, "target", "consumers");
const golden = path.join(root, "tests", "golden");
const MODEL = path.join(golden, "models", "b32-tiny");
const PHOTO = path.join(golden, "images", "rgb-photo.png");
const bin = (...parts: string[]): string => path.join(consumers, "node_modules", ...parts);

/** A program of an npm package that has one package for each platform; `undefined` where there is none for this one. */
function program(scope: string, ...parts: string[]): string | undefined {
  const packages = existsSync(bin(scope)) ? readdirSync(bin(scope)) : [];
  return packages.map((name) => bin(scope, name, ...parts)).find((file) => existsSync(file) && spawnSync(file, ["--version"]).status === 0);
}

const RUNTIMES: [name: string, command: string | undefined, args: string[]][] = [
  ["Node", process.execPath, []],
  ["Deno", program("@deno", "deno"), ["run", "--allow-all", "--node-modules-dir=manual"]],
  ["Bun", program("@oven", "bin", "bun"), ["run"]],
];

/** A folder of this one beside the installed package. */
function project(name: string): string {
  const folder = path.join(consumers, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(path.join(root, "tests", "consumers", name), folder, { recursive: true });
  return folder;
}

let cache: string;
test.beforeAll(() => {
  cache = mkdtempSync(path.join(os.tmpdir(), "clip-vision-cache-"));
});
test.afterAll(() => rmSync(cache, { recursive: true }));

/** Runs a program, which has 30 seconds to end; what it prints. */
function run(command: string, args: string[], cwd: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, { cwd, env: { ...process.env, CLIP_VISION_CACHE: cache, FORCE_COLOR: "0" }, timeout: 30_000 });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => void (stdout += text));
  child.stderr.on("data", (text) => void (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

async function result(command: string, args: string[], cwd: string): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run(command, args, cwd);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
}

function checkEmbedding(embedding: unknown): void {
  const python = expected("b32-tiny").values("embedding/rgb-photo.png")!;
  expect(cosine(embedding as number[], python)).toBeGreaterThanOrEqual(0.9999);
  expect(maxDifference(embedding as number[], python)).toBeLessThanOrEqual(1e-4);
}

for (const [name, command, args] of RUNTIMES) {
  test(`${name}: a model of a folder and of a server, on one thread and on two; it ends by itself`, async ({}, info) => {
    if (!command) return info.skip(true, `there is no ${name} here`);
    const folder = project("server");
    const server = await TestServer.start();
    try {
      const smoke = (threads: number) => result(command, [...args, "smoke.mjs", MODEL, PHOTO, `${server.url}golden/models/b32-tiny?${name}`, String(threads)], folder);
      const first = await smoke(1);
      checkEmbedding(first["embedding"]);
      expect(first).toMatchObject({ text: 64, found: "photo", threads: 1, missing: "fetch", many: [64, "unsupported-format", 64], warnings: [] });
      const asked = server.requests.length;
      const threads = existsSync(bin("clip-vision", "dist", "wasm", "simd-threads")) ? 2 : 1;
      expect(await smoke(2)).toEqual({ ...first, threads });
      expect(server.requests).toHaveLength(asked); // the model is on the disk now
    } finally {
      await server.close();
    }
  });

  test(`${name}: the command line`, async ({}, info) => {
    if (!command) return info.skip(true, `there is no ${name} here`);
    const { path: photo, embedding } = await result(command, [...args, bin(".bin", "clip-vision"), "embed", "--model", MODEL, "--json", PHOTO], consumers);
    expect(photo).toBe(PHOTO);
    checkEmbedding(embedding);
    expect(await run(command, [...args, bin(".bin", "clip-vision"), "embed"], consumers)).toMatchObject({ status: 2, stdout: "" });
  });
}

test("jsdom: its Files are photos, models and collections; its elements are none", async () => {
  const outcome = await result(process.execPath, ["jsdom.mjs", MODEL, PHOTO], project("server"));
  checkEmbedding(outcome["embedding"]);
  expect(outcome).toMatchObject({ found: "photo", element: "unsupported-browser", canceled: "AbortError" });
});

test("esbuild for Node: works with the package left out; bundled, the error names the line", async () => {
  const folder = project("server");
  const build = (name: string, ...options: string[]) => {
    const args = ["smoke.mjs", "--bundle", "--platform=node", `--outfile=out/${name}`, "--log-level=error", ...options];
    const { status, stderr } = spawnSync(bin("@esbuild", `${process.platform}-${process.arch}`, "bin", "esbuild"), args, { cwd: folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
    return run(process.execPath, [`out/${name}`, MODEL, PHOTO, MODEL, "1"], folder);
  };
  const left = await build("left.mjs", "--format=esm", "--external:clip-vision");
  expect(left).toMatchObject({ status: 0, stderr: "" });
  checkEmbedding((JSON.parse(left.stdout) as { embedding: number[] }).embedding);
  const bundled = await build("bundled.mjs", "--format=esm");
  expect(bundled).toMatchObject({ status: 1, stderr: expect.stringContaining('external: ["clip-vision"]') });
});

test("Next.js: a route handler, with serverExternalPackages, of the files that Next.js collects for a server", async () => {
  const folder = project("next-server");
  const next = bin("next", "dist", "bin", "next");
  const env = { ...process.env, NODE_ENV: "production" as const, NEXT_TELEMETRY_DISABLED: "1", FORCE_COLOR: "0", MODEL, PHOTO };
  const built = spawnSync(process.execPath, [next, "build"], { cwd: folder, env, encoding: "utf8" });
  expect(built.status, `${built.stdout}\n${built.stderr}`).toBe(0);
  const child = spawn(process.execPath, [path.join(folder, ".next", "standalone", "next-server", "server.js")], { cwd: os.tmpdir(), env: { ...env, PORT: "0" } });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let output = "";
      child.stdout.on("data", (text) => {
        output += text;
        const found = /http:\/\/localhost:\d+/.exec(output)?.[0];
        if (found && output.includes("Ready")) resolve(found);
      });
      child.on("exit", () => reject(new Error(output)));
    });
    const response = await fetch(`${address}/embed`);
    expect(response.status).toBe(200);
    checkEmbedding(await response.json());
  } finally {
    child.kill();
  }
});
