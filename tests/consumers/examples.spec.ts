/**
 * The programs of examples/web, each as a reader would have it: copied, with the packed package, built, served, and opened in
 * Chromium with the bundled model beside it. A drawing of a red circle is chosen, then a file that is no photo.
 */

import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium, expect, test, type Page } from "@playwright/test";
import { ISOLATION, serve } from "../../scripts/serve.mjs";
import { CHROME } from "../browser/chrome.ts";
import { STRICT, addressOf, bin, build, checkWasm, consumers, copy, installed, root } from "./projects.ts";

const examples = path.join(root, "examples", "web");
const models = path.join(root, "models");
const example = (name: string): string => copy(path.join(examples, name));
const vite = bin("vite", "bin", "vite.js");

/** A red circle on white, as an uncompressed BMP. */
function drawing(edge = 96): Buffer {
  const file = Buffer.alloc(54 + edge * edge * 3, 250);
  file.fill(0, 0, 54).write("BM");
  [file.length, 0, 54, 40, edge, edge].forEach((number, index) => file.writeUInt32LE(number, 2 + 4 * index));
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  for (let y = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      if (Math.hypot(x - edge / 2, y - edge / 2) < edge / 3) file.set([40, 30, 230], 54 + (y * edge + x) * 3);
    }
  }
  return file;
}

const circle = { name: "circle.bmp", mimeType: "image/bmp", buffer: drawing() };
const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no photo") };

/** Uses the page as a person does. */
async function use(page: Page): Promise<void> {
  const choose = page.locator("input[type=file]");
  await choose.setInputFiles(circle);
  await expect(page.locator("li").first()).toHaveText(/^red circle: (9\d|100)\.\d %$/);
  await expect(page.locator("li")).toHaveCount(3);
  await expect(page.locator("progress")).toBeHidden();
  await choose.setInputFiles(notes);
  await expect(page.locator("p[role=alert]")).toHaveText(/no picture of a known format/);
  await choose.setInputFiles(circle);
  await expect(page.locator("li").first()).toHaveText(/^red circle/);
  await expect(page.locator("p[role=alert]").filter({ hasText: /./ })).toHaveCount(0);
}

/** Collects what a page complains of, in errors that nobody caught and on the console. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const { url } = message.location();
    if (/^(error|warning)$/.test(message.type()) && !url.endsWith("/favicon.ico")) complaints.push(`${message.text()} (${url})`);
  });
  return complaints;
}

/** Serves a folder with the models beside it, visits and uses it. */
async function visit(page: Page, out: string, headers: Record<string, string> = STRICT): Promise<void> {
  const complaints = complaintsOf(page);
  const server = await serve({ "/": out, "/models": models }, { headers });
  try {
    await page.goto(server.url);
    await use(page);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
}

test.beforeEach(({}, info) => {
  info.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);
});

for (const name of ["vite-react", "vue", "svelte"]) {
  test(name, async ({ page }) => {
    const folder = example(name);
    build(folder, vite, "build", "--logLevel", "warn");
    checkWasm(path.join(folder, "dist"));
    await visit(page, path.join(folder, "dist"));
  });
}

/** Starts a development server in a project with the models beside its page, and looks at it. */
async function visitDevelopment(folder: string, script: string, args: string[], look: (url: string) => Promise<void>): Promise<void> {
  cpSync(models, path.join(folder, "public", "models"), { recursive: true });
  const child = spawn(process.execPath, [script, ...args], { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  try {
    await look(await addressOf(child));
  } finally {
    child.kill();
  }
}

test("vite-react, in development: of strict mode's two loads one worker is left", async ({ page }) => {
  const folder = example("vite-react");
  await page.addInitScript("Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 })"); // one thread
  await visitDevelopment(folder, vite, ["--port", "0"], async (url) => {
    await page.goto(url);
    await use(page);
    expect(page.workers()).toHaveLength(1);
  });
});

test("cdn", async ({ page }) => {
  const dist = path.join(installed, "dist");
  const address = "https://cdn.jsdelivr.net/npm/clip-vision@";
  await page.context().route(`${address}**`, (route) => {
    const file = path.join(dist, new URL(route.request().url()).pathname.replace(/^.*?\/dist\//, ""));
    return route.fulfill({ path: file, headers: { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" } });
  });
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
  expect(readFileSync(path.join(examples, "cdn", "index.html"), "utf8")).toContain(`${address}${version}/dist/index.js`);
  await visit(page, path.join(examples, "cdn"), {});
});

test("pwa: works without a network after the first visit", async ({ page }) => {
  const folder = example("pwa");
  build(folder, vite, "build", "--logLevel", "warn");
  const complaints = complaintsOf(page);
  const server = await serve({ "/": path.join(folder, "dist"), "/models": models }, { headers: { "Content-Security-Policy": `${STRICT["Content-Security-Policy"]}; manifest-src 'self'` } });
  try {
    await page.goto(server.url);
    await expect(page.getByRole("status")).toHaveText(/^Ready/);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
  await page.reload();
  await expect(page.getByRole("status")).toHaveText(/^Ready/);
  await use(page);
});

test("github-pages: threads where the server sends no headers", async ({ page }) => {
  const folder = example("github-pages");
  build(folder, vite, "build", "--logLevel", "warn");
  checkWasm(path.join(folder, "dist"));
  const complaints = complaintsOf(page);
  // A project's site is a folder of its owner's.
  const server = await serve({ "/project": path.join(folder, "dist"), "/project/models": models }, { headers: {} });
  try {
    await page.goto(`${server.url}project/`);
    await expect(page.getByRole("status")).toHaveText("Threads: 2");
    await use(page);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
});

test("next, built and in development", async ({ page }) => {
  const folder = example("next");
  const next = bin("next", "dist", "bin", "next");
  build(folder, next, "build");
  checkWasm(path.join(folder, "out"));
  await visit(page, path.join(folder, "out"), ISOLATION);
  await visitDevelopment(folder, next, ["dev", "--port", "0"], async (url) => {
    await page.goto(url);
    await use(page);
  });
});

test("extension: its page, and the menu of pictures", async ({}) => {
  const folder = example("extension");
  cpSync(path.join(installed, "dist"), path.join(folder, "clip-vision"), { recursive: true });
  cpSync(models, path.join(folder, "models"), { recursive: true });
  const profile = mkdtempSync(path.join(os.tmpdir(), "clip-vision-extension-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROME,
    ignoreDefaultArgs: ["--disable-extensions", "--headless=old"],
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
  });
  try {
    const background = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
    const page = await context.newPage();
    await page.goto(new URL("/page.html", background.url()).href);
    await use(page);
    const picture = `data:image/bmp;base64,${circle.buffer.toString("base64")}`;
    await background.evaluate(`chrome.contextMenus.onClicked.dispatch({ srcUrl: ${JSON.stringify(picture)} })`);
    await expect.poll(() => background.evaluate("chrome.action.getTitle({})")).toMatch(/^red circle: /);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

test("astro", async ({ page }) => {
  const folder = example("astro");
  build(folder, bin("astro", "astro.js"), "build", "--silent");
  checkWasm(path.join(folder, "dist"));
  await visit(page, path.join(folder, "dist"), ISOLATION);
});

test("angular", async ({ page }) => {
  const folder = example("angular");
  symlinkSync(path.join(consumers, "node_modules"), path.join(folder, "node_modules"), "dir"); // angular.json names it
  build(folder, bin("@angular", "cli", "bin", "ng.js"), "build");
  checkWasm(path.join(folder, "dist"));
  await visit(page, path.join(folder, "dist"), ISOLATION);
});

test("node", () => {
  const folder = example("node");
  writeFileSync(path.join(folder, circle.name), circle.buffer);
  writeFileSync(path.join(folder, notes.name), notes.buffer);
  const { status, stdout, stderr } = spawnSync(process.execPath, ["index.js", path.join(models, "shapes"), circle.name, notes.name], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(stdout).toMatch(/^circle\.bmp: red circle \(\d+\.\d %\)\nnearest to "red circle": circle\.bmp\n$/);
  expect(stderr).toContain("notes.txt: ");
  expect(status).toBe(1);
});

test("their packages are those that are tested", () => {
  const dependenciesOf = (folder: string): Record<string, string> => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Record<string, Record<string, string>>;
    return { ...dependencies, ...devDependencies };
  };
  const tested = dependenciesOf(path.join(root, "tests", "consumers"));
  const { version } = JSON.parse(readFileSync(path.join(installed, "package.json"), "utf8")) as { version: string };
  for (const name of readdirSync(examples)) {
    if (!existsSync(path.join(examples, name, "package.json"))) continue;
    for (const [dependency, range] of Object.entries(dependenciesOf(path.join(examples, name)))) {
      expect(range, `${name}: ${dependency}`).toBe(dependency === "clip-vision" ? `^${version}` : tested[dependency]);
    }
  }
});
