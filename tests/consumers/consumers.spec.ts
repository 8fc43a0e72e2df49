/**
 * The package where people build: packed, installed beside bundlers of locked versions (install.mjs, in
 * target/consumers), built, and opened in Chromium. Each project does the same (`app/app.js`): what it gets has to be
 * what Python computed, and of each wasm file there is one, downloaded once.
 */

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { ISOLATION, serve } from "../../scripts/serve.mjs";
import { CHROME } from "../browser/chrome.ts";
import { cosine, expected, maxDifference } from "../browser/golden.ts";
import { STRICT, addressOf, bin, build, checkWasm, consumers, copy, installed, root } from "./projects.ts";

const golden = path.join(root, "tests", "golden");
const project = (name: string): string => copy(path.join(root, "tests", "consumers", name));

interface Result {
  error?: string;
  embedding: number[];
  text: number;
  found: { id: string; score: number }[];
  near: number;
  threads: number;
}

function checkResult(result: Result): void {
  expect(result.error).toBeUndefined();
  const python = expected("b32-tiny").values("embedding/rgb-photo.png")!;
  expect(cosine(result.embedding, python)).toBeGreaterThanOrEqual(0.9999);
  expect(maxDifference(result.embedding, python)).toBeLessThanOrEqual(1e-4);
  expect(result).toMatchObject({ text: 64, found: [{ id: "photo" }], near: 1 });
}

/** Opens a page, waits for its result, checks it, and says which wasm files it asked for. */
async function visit(page: Page, url: string): Promise<string[]> {
  const wasm: string[] = [];
  const complaints: string[] = [];
  page.context().on("request", (request) => void (/\.wasm(\?|$)/.test(request.url()) && wasm.push(request.url())));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  await page.waitForSelector("html[data-result]", { state: "attached" });
  const result = JSON.parse((await page.evaluate(() => document.documentElement.dataset["result"])) ?? "{}") as Result;
  checkResult(result);
  // Two were asked for; a build with threads was built unless CLIP_VISION_FLAVORS left them out.
  const isolated = await page.evaluate(() => crossOriginIsolated);
  const threads = existsSync(path.join(installed, "dist", "wasm", "relaxed-threads"));
  expect(result.threads).toBe(isolated && threads ? 2 : 1);
  expect(complaints).toEqual([]);
  return wasm;
}

/** Serves what was built, beside the golden files, and visits it. */
async function visitBuilt(page: Page, out: string, headers: Record<string, string> = STRICT): Promise<void> {
  const server = await serve({ "/": out, "/golden": golden }, { headers });
  try {
    const wasm = await visit(page, server.url);
    expect(new Set(wasm).size, `${wasm.join(" ")}: one of the builds`).toBe(1);
  } finally {
    await server.close();
  }
}

/** The page and the package's files as they are: what a page without a bundler is made of. */
function copyUnbundled(folder: string): void {
  cpSync(path.join(installed, "dist"), path.join(folder, "clip-vision"), { recursive: true });
  for (const file of readdirSync(path.join(consumers, "app"))) {
    const text = readFileSync(path.join(consumers, "app", file), "utf8");
    writeFileSync(path.join(folder, file), text.replace('"clip-vision"', '"./clip-vision/index.js"').replace('"clip-vision/search"', '"./clip-vision/search.js"'));
  }
}

/** Copies the golden model and photo to where the page looks for them. */
function copyGolden(folder: string): void {
  for (const part of ["models/b32-tiny", "images/rgb-photo.png"]) {
    cpSync(path.join(golden, part), path.join(folder, "golden", part), { recursive: true });
  }
}

const copyPage = (folder: string): void => cpSync(path.join(consumers, "app", "index.html"), path.join(folder, "index.html"));

test.beforeAll(() => {
  cpSync(path.join(root, "tests", "consumers", "app"), path.join(consumers, "app"), { recursive: true });
});

test.beforeEach(({}, info) => {
  info.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);
});

test("no bundler: a script of the page's own", async ({ page }) => {
  const out = path.join(consumers, "plain");
  rmSync(out, { recursive: true, force: true });
  copyUnbundled(out);
  await visitBuilt(page, out);
});

test("Vite, built", async ({ page }) => {
  const folder = project("vite");
  copyPage(folder);
  build(folder, bin("vite", "bin", "vite.js"), "build", "--outDir", "out", "--logLevel", "warn");
  checkWasm(path.join(folder, "out"));
  await visitBuilt(page, path.join(folder, "out"));
});

/** Starts a development server of Vite's in a project, and gives its address to `look`. */
async function develop(folder: string, vite: string, look: (url: string) => Promise<void>): Promise<void> {
  copyPage(folder);
  copyGolden(path.join(folder, "public"));
  const child = spawn(process.execPath, [vite, "--port", "0"], { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  try {
    await look(await addressOf(child));
  } finally {
    child.kill();
  }
}

test("Vite's development server", async ({ page }) => {
  await develop(project("vite"), bin("vite", "bin", "vite.js"), async (url) => {
    // Of each file that the page asks for there may be one for the page and one for the worker.
    expect(new Set(await visit(page, url)).size).toBe(1);
  });
});

test("Vite 5: built; its development server says which line it wants, and works with it", async ({ page }) => {
  const vite = bin("vite5", "bin", "vite.js");
  const folder = project("vite");
  copyPage(folder);
  build(folder, vite, "build", "--outDir", "out", "--logLevel", "warn");
  await visitBuilt(page, path.join(folder, "out"));

  const line = 'optimizeDeps: { exclude: ["clip-vision"] }';
  await develop(folder, vite, async (url) => {
    await page.goto(url);
    const html = page.locator("html");
    await expect(html).toHaveAttribute("data-result", /worker-crashed/);
    const { error } = JSON.parse((await html.getAttribute("data-result"))!) as Result;
    expect(error).toContain("worker.js");
    expect(error).toContain(line);
  });
  writeFileSync(path.join(folder, "vite.config.js"), `export default { ${line} };\n`);
  await develop(folder, vite, async (url) => void (await visit(page, url)));
});

for (const [title, name, ...command] of [
  ["webpack 5", "webpack", "build.cjs"],
  ["Rollup", "rollup", bin("rollup", "dist", "bin", "rollup"), "-c", "--silent"],
  ["esbuild", "esbuild", "build.mjs"],
] as [string, string, string, ...string[]][]) {
  test(title, async ({ page }) => {
    const folder = project(name);
    const [script, ...args] = command;
    build(folder, script as string, ...args);
    const out = path.join(folder, "out");
    copyPage(out);
    checkWasm(out);
    await visitBuilt(page, out);
  });
}

test("Parcel", async ({ page }) => {
  const folder = project("parcel");
  build(folder, bin("parcel", "lib", "bin.js"), "build", "index.html", "--dist-dir", "out", "--public-url", "./", "--no-cache");
  checkWasm(path.join(folder, "out"));
  // Its pages have an inline script (an import map), which a strict policy forbids.
  await visitBuilt(page, path.join(folder, "out"), ISOLATION);
});

test("publint and attw find nothing wrong with the package", () => {
  const tarball = path.join(consumers, "clip-vision.tgz");
  build(consumers, bin("publint", "src", "cli.js"), "run", tarball, "--strict");
  build(consumers, bin("@arethetypeswrong", "cli", "dist", "index.js"), tarball, "--profile", "esm-only", "--no-emoji");
});

test("importing it touches nothing of the browser, as where pages are rendered on a server", () => {
  const script = `
    for (const name of ["window", "document", "self", "navigator", "Worker", "location", "fetch"]) {
      Object.defineProperty(globalThis, name, { get() { throw new Error(name + " was touched"); }, configurable: true });
    }
    const { ClipVision } = await import("clip-vision");
    const { Embeddings, topK } = await import("clip-vision/search");
    if (![ClipVision, Embeddings, topK].every((one) => typeof one === "function")) throw new Error("exports are missing");`;
  mkdirSync(consumers, { recursive: true });
  build(consumers, "--input-type=module", "--eval", script);
});
