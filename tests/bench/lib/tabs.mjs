// One headless Chromium on a cross-origin-isolated page. Each contender has a tab of its own: its memory can be told from
// the others', and one that runs out of it takes nobody along.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { chromium } from "@playwright/test";
import { dist, inRoot } from "../../../scripts/lib.mjs";
import { serve } from "../../../scripts/serve.mjs";
import { candleOut } from "../setup/candle.mjs";
import { memoryOfRenderers, peakMemory } from "./memory.mjs";
import { modelsFolder } from "../setup/models.mjs";
import { peersFolder } from "../setup/peers.mjs";
import { SETTLE } from "./turns.mjs";

/** A page that does nothing longer than this is given up. */
const PATIENCE = 240_000;

/** Starts the server and the browser; `chrome` is the browser's path, and `flags` are what it is started with besides. */
export async function openBrowser(chrome, flags = []) {
  const server = await serve({
    "/": inRoot("tests", "bench", "page"),
    "/dist": dist,
    "/peers": peersFolder,
    "/candle": candleOut,
    "/models": modelsFolder,
  });
  const { args } = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"))["goog:chromeOptions"];
  const browser = await chromium.launch({ executablePath: chrome, args: [...args, ...flags] });
  const context = await browser.newContext();
  const cdp = await browser.newBrowserCDPSession();
  return {
    version: `Chromium ${browser.version()}`,
    /** Opens a tab and starts a module of page/ in it, with options. */
    open: (module, options) => openTab({ url: server.url, context, cdp }, module, options),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

async function openTab({ url, context, cdp }, module, options) {
  const before = await memoryOfRenderers(cdp);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const wasmUrls = new Set();
  page.on("response", (response) => response.url().endsWith(".wasm") && wasmUrls.add(response.url()));
  let failure;
  const crashed = new Promise((_, reject) => page.on("crash", () => reject(new Error("the tab crashed"))));
  crashed.catch(() => undefined);
  page.on("pageerror", (error) => void (failure ??= error));
  /**
   * Runs one of the contender's functions in the tab: not before the messages are over that brought the call here, since
   * they would take the processor from a contender with as many threads as there are cores.
   */
  const call = (name, ...values) => {
    const answer = page.evaluate(async ([name, values, settle]) => {
      await new Promise((resolve) => setTimeout(resolve, settle));
      return globalThis.contender[name](...values);
    }, [name, values, SETTLE]);
    return Promise.race([answer, crashed]);
  };
  try {
    await page.goto(url);
    const start = page.evaluate(async ([module, options]) => {
      if (!crossOriginIsolated) throw new Error("the page is not cross-origin isolated");
      const { start } = await import(module);
      globalThis.contender = await start(options);
      return globalThis.contender.facts;
    }, [`/${module}.js`, options]);
    const facts = await Promise.race([start, crashed]);
    const pid = await grownMost(cdp, before);
    return {
      facts,
      call,
      /** Bytes of WebAssembly memory of the contender's worker, now: the first one, for its threads come later and share it. */
      wasmMemory: () => page.workers().find((worker) => worker.url().endsWith("_worker.js")).evaluate(() => globalThis.wasmMemory()),
      /** What was asked of the GPU since it was last asked. */
      gpuCounts: () => page.workers().find((worker) => worker.url().endsWith("_worker.js")).evaluate(() => globalThis.gpuCounts()),
      /** The most memory that the tab's process ever had, in bytes; undefined where the system does not say. */
      peakMemory: () => (pid === undefined ? undefined : peakMemory(pid)),
      /** Bytes of WebAssembly that were downloaded, raw and gzipped. */
      wasmDownload: async () => sizesOf([...wasmUrls]),
      stop: () => page.close(),
    };
  } catch (error) {
    await page.close().catch(() => undefined);
    throw failure && /crashed|closed/.test(error.message) ? failure : error;
  }
}

async function sizesOf(urls) {
  const sizes = { raw: 0, gzipped: 0 };
  for (const url of urls) {
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    sizes.raw += bytes.length;
    sizes.gzipped += gzipSync(bytes, { level: 9 }).length;
  }
  return sizes;
}

/** The tab's process: Chromium does not say which it is, but it is the one that has just taken a model in. */
async function grownMost(cdp, before) {
  const now = [...(await memoryOfRenderers(cdp))].map(([pid, bytes]) => [pid, bytes - (before.get(pid) ?? 0)]);
  now.sort(([, a], [, b]) => b - a);
  return now[0]?.[0];
}
