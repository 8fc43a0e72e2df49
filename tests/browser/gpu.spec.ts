/** GPUs in Chromium, by SwiftShader: models, the choice, and GPUs that fail in every way. */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "@playwright/test";
import { needsGpu, testGpuFamilies, testGpuModels } from "./both/gpu.ts";
import { type Server, goTo, openDemo, root, search, serveDemo } from "./demo.ts";
import type { Tab } from "./both/tab.ts";
import { expected, maxDifference, Safetensors } from "./golden.ts";
import { heavyConfig, heavyWeights } from "./heavy_model.ts";
import { expect, test } from "./test.ts";
import config from "./playwright.config.ts";

const { launchOptions } = config.use!;
test.use({ launchOptions: { ...launchOptions, args: [...launchOptions!.args!, "--enable-unsafe-webgpu"] } });

testGpuModels(test);
testGpuFamilies(test);

const MODEL = "/golden/models/odd-widths";
const PHOTO = "/golden/images/rgb-photo.png";
const golden = expected("odd-widths").embedding("rgb-photo.png")!;

test("the model of drawings names them on a GPU, many at a time, in order", async ({ page, tab, server }) => {
  await needsGpu(tab);
  const read = (file: string): Buffer => readFileSync(new URL(`../golden/${file}`, import.meta.url));
  const { captions, pictures } = JSON.parse(read("shapes.json").toString()) as { captions: [string][]; pictures: [string, number][] };
  const files = new Safetensors(read("shapes.safetensors"));
  const asked = captions.map(([text]) => text).slice(0, 12);
  const some = pictures.filter(([, caption]) => caption < asked.length);
  for (const [name] of some) server.files.set(`/shapes/${name}`, files.bytes(name)!);
  const found = await page.evaluate(
    async ({ names, texts }) => {
      const clip = await clipVision.ClipVision.load("/models/shapes/", { device: "webgpu" });
      const [words, labels, order]: [Float32Array[], number[], boolean[]] = [await clip.embedTexts(texts), [], []];
      for await (const { item, index, embedding } of clip.embedMany(names.map((name) => `/shapes/${name}`))) {
        const scores = words.map((word) => clipVision.cosineSimilarity(embedding!, word));
        labels.push(scores.indexOf(Math.max(...scores)));
        order.push(item === `/shapes/${names[index]}`);
      }
      const { device } = clip.info;
      clip.close();
      return { device, labels, order };
    },
    { names: some.map(([name]) => name), texts: asked },
  );
  expect(found.device).toBe("webgpu");
  expect(found.order).toEqual(some.map(() => true));
  const right = some.filter(([, caption], index) => found.labels[index] === caption).length;
  expect(right / some.length, `${right} of ${some.length} named`).toBeGreaterThanOrEqual(0.95);
});

/** Loads a model in a worker whose GPU fails, and embeds; `then` fails it meanwhile. */
const loadWith = (tab: Tab, failure: string, device: "auto" | "webgpu", { word, cache = false }: { word?: string; cache?: boolean } = {}) =>
  tab.evaluate(
    async ({ model, photo, failure, device, word, cache }) => {
      const warnings: string[] = [];
      const channel = new BroadcastChannel("gpu");
      let pipelines = 0;
      channel.onmessage = ({ data }) => void (data === "pipeline" && (pipelines += 1));
      try {
        const clip = await clipVision.ClipVision.load(model, {
          device,
          cache,
          worker: () => new Worker(`/fixtures/failing_gpu_worker.js?${failure}`, { type: "module" }),
          onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
        });
        const loaded = clip.info;
        if (word) channel.postMessage(word);
        const photos = await Promise.all([1, 2, 3].map(async () => Array.from(await clip.embed(photo))));
        const { info } = clip;
        clip.close();
        return { loaded, info, photos, warnings, pipelines };
      } catch (error) {
        const { code, message, why } = error as { code: string; message: string; why: string };
        return { code, message, why };
      } finally {
        channel.close();
      }
    },
    { model: MODEL, photo: PHOTO, failure, device, word, cache },
  );

/** What is refused, why, and what its error says, of which some take long to be told twice. */
const REFUSALS: [failure: string, why: string, message?: RegExp][] = [
  ["none", "no-adapter", /knows no GPU/],
  ["silent", "failed"],
  ["refused", "failed", /driver's own words/],
  ["broken", "failed", /the shader .*line \d+/],
  ["wrong", "wrong-numbers", /other values than the CPU/],
  ["unmasked", "wrong-numbers", /other values than the CPU/],
  ["masked", "wrong-numbers", /other values than the CPU/],
  ["memory", "out-of-memory", /no more memory/],
];

for (const [failure, why, message] of REFUSALS) {
  test(`a GPU that fails (${failure}) is not used, and "webgpu" says why`, async ({ tab }) => {
    await needsGpu(tab);
    const auto = await loadWith(tab, `hardware,${failure}`, "auto");
    expect(auto).toMatchObject({ loaded: { device: "wasm", why }, warnings: [] });
    for (const photo of auto.photos!) expect(maxDifference(photo, golden)).toBeLessThanOrEqual(1e-4);
    if (!message) return;
    const asked = await loadWith(tab, failure, "webgpu");
    expect(asked).toMatchObject({ code: "gpu", why });
    expect(asked.message).toMatch(message);
  });
}

test("software in a GPU's place is refused by itself, and slow hardware after a probe, once", async ({ tab }) => {
  await needsGpu(tab);
  expect(await loadWith(tab, "", "auto")).toMatchObject({ loaded: { device: "wasm", why: "fallback-adapter" }, pipelines: 0 });
  const first = await loadWith(tab, "hardware", "auto", { cache: true });
  expect(first).toMatchObject({ loaded: { device: "wasm", why: "slower", gpu: { vendor: "google", architecture: "swiftshader" } } });
  expect(first.loaded!.gpu!.cosine).toBeGreaterThanOrEqual(0.999999);
  expect(first.pipelines).toBeGreaterThan(0);
  const second = await loadWith(tab, "hardware", "auto", { cache: true });
  expect(second).toMatchObject({ loaded: { device: "wasm", why: "slower", gpu: first.loaded!.gpu }, pipelines: 0 });
  const asked = await loadWith(tab, "hardware", "webgpu", { cache: true });
  expect(asked).toMatchObject({ loaded: { device: "webgpu", gpu: { vendor: "google", architecture: "swiftshader" } } });
});

for (const [failure, word, why] of [["lost", "lose", "lost"], ["zeros", "zero", "wrong-numbers"]] as const) {
  test(`a GPU that fails later (${failure}) loses no call`, async ({ tab }) => {
    await needsGpu(tab);
    const answer = await loadWith(tab, failure, "webgpu", { word });
    expect(answer).toMatchObject({ loaded: { device: "webgpu" }, info: { device: "wasm", why } });
    expect(answer.warnings).toHaveLength(1);
    expect(answer.warnings![0]).toMatch(/^gpu-failed: WebAssembly computes from now on/);
    for (const photo of answer.photos!) expect(maxDifference(photo, golden)).toBeLessThanOrEqual(1e-4);
  });
}

test("a page that closes while the GPU works leaves a browser that goes on", async ({ context, page, server, tab }) => {
  await needsGpu(tab);
  server.files.set("/made/heavy/config.json", heavyConfig);
  server.files.set("/made/heavy/model.safetensors", heavyWeights());
  const other = await context.newPage();
  await other.goto(server.url);
  await other.waitForSelector("html[data-ready]", { state: "attached" });
  await other.evaluate(async () => {
    const channel = new BroadcastChannel("gpu");
    const working = new Promise((resolve) => (channel.onmessage = ({ data }) => data === "pipeline" && resolve(undefined)));
    const worker = () => new Worker("/fixtures/failing_gpu_worker.js", { type: "module" });
    void clipVision.ClipVision.load("/made/heavy/", { device: "webgpu", cache: false, worker }).catch(() => undefined);
    await working; // the probe is computed, which takes seconds
  });
  await other.close();
  const answer = await loadWith(tab, "", "webgpu");
  expect(answer).toMatchObject({ loaded: { device: "webgpu" } });
  expect(page.isClosed()).toBe(false);
});

test("embedMany is canceled in the middle, and its workers end", async ({ page, tab }) => {
  await needsGpu(tab);
  const before = page.workers().length;
  const answer = await page.evaluate(
    async ({ model, photo }) => {
      const clip = await clipVision.ClipVision.load(model, { device: "webgpu", cache: false });
      const controller = new AbortController();
      let [seen, pulled] = [0, 0];
      const photos = (function* () {
        for (; pulled < 5000; pulled += 1) yield photo;
      })();
      try {
        for await (const { embedding } of clip.embedMany(photos, { workers: 2, signal: controller.signal })) {
          if (embedding) seen += 1;
          if (seen === 60) controller.abort("enough");
        }
      } catch (error) {
        const again = Array.from(await clip.embed(photo));
        return { error, seen, pulled, again };
      }
      return undefined;
    },
    { model: MODEL, photo: PHOTO },
  );
  expect(answer).toMatchObject({ error: "enough", seen: 60 });
  expect(answer!.pulled, "no more are pulled than are in flight").toBeLessThanOrEqual(60 + 32 + 3 * 3 + 1);
  expect(maxDifference(answer!.again, golden)).toBeLessThanOrEqual(1e-4);
  await expect.poll(() => page.workers().length).toBe(before + 1);
});

test("the demo computes on a GPU that is chosen, and says what was found of it", async ({ page, tab }) => {
  await needsGpu(tab);
  const demo = await serveDemo();
  try {
    await openDemo(page, demo);
    await goTo(page, "Settings");
    await page.getByLabel("What computes").selectOption("webgpu");
    await expect(page.getByLabel("What computes")).toHaveValue("webgpu", { timeout: 30_000 });
    await goTo(page, "Look inside");
    const facts = page.locator(".figures.wide");
    await expect(facts).toContainText("the GPU; the processor prepares photos", { timeout: 30_000 });
    await expect(facts).toContainText(/google swiftshader · three layers in \d+\.\d ms \(processor: \d+\.\d ms\), cosine to the processor (1\.0000000|0\.999999\d)/);
    await page.getByRole("button", { name: "Compare" }).click();
    await expect(page.locator(".compared")).toHaveText([/^f32.*cosine 1\.0000$/, /^int8.*cosine (1\.0000|0\.99\d\d)$/, /^GPU.*cosine 1\.0000$/], { timeout: 60_000 });
    await goTo(page, "Photos");
    expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
    await goTo(page, "Settings");
    await page.getByLabel("What computes").selectOption("auto");
    await expect(page.getByLabel("What computes")).toHaveValue("auto", { timeout: 30_000 });
    await goTo(page, "Look inside");
    await expect(facts).toContainText("the browser has only software in its place");
  } finally {
    await demo.close();
  }
});

/** What `bench.html` says of its smallest tower. */
async function reportOf(page: Page, demo: Server): Promise<string> {
  await page.goto(`${demo.url}bench.html?tiny`);
  await page.getByRole("button", { name: "Measure" }).click();
  await expect(page.getByRole("button", { name: "Copy" })).toBeVisible({ timeout: 60_000 });
  return page.locator("#report").innerText();
}

function expectLine(report: string, name: string, cosine: boolean): void {
  const line = report.split("\n").find((line) => line.startsWith(`tiny, ${name} `));
  expect(line, report).toMatch(/^tiny, [-\w ]+?( +\d+(\.\d+)?){4}( |$)/);
  if (cosine) expect(Number(/cosine (\S+)$/.exec(line!)?.[1]), line).toBeGreaterThan(0.999999);
}

test("the page that measures says what this device computes, in a text to paste", async ({ page, tab }) => {
  await needsGpu(tab);
  const demo = await serveDemo();
  try {
    const report = await reportOf(page, demo);
    expect(report).toContain("auto takes wasm: fallback-adapter");
    expect(report).toContain("onnxruntime-web is not beside this page");
    expectLine(report, "wasm", false);
    expectLine(report, "webgpu", true);
  } finally {
    await demo.close();
  }
});

test("the page that measures compares with onnxruntime-web, if that is beside it", async ({ page, tab }) => {
  const onnxruntime = path.join(root, "target", "bench", "peers", "node_modules", "onnxruntime-web", "dist");
  test.skip(!existsSync(onnxruntime), "onnxruntime-web is not installed: npm run bench -- setup gpu");
  await needsGpu(tab);
  const demo = await serveDemo(false, { "/demo/onnxruntime-web": onnxruntime });
  try {
    const report = await reportOf(page, demo);
    for (const device of ["wasm", "webgpu"]) expectLine(report, `onnxruntime-web ${device}`, true);
  } finally {
    await demo.close();
  }
});
