// What a visitor waits for: requests, bytes and time until the first embedding, of clip-vision beside transformers.js; and whether the page
// can be used while many photos are embedded.

import { readFileSync } from "node:fs";
import path from "node:path";
import { dist, inRoot } from "../../../scripts/lib.mjs";
import { countingServer } from "../lib/counting_server.mjs";
import { summary } from "../lib/statistics.mjs";
import { megabytes, milliseconds, spread } from "../lib/table.mjs";
import { modelsFolder } from "../setup/models.mjs";
import { peersFolder } from "../setup/peers.mjs";

const MODEL = "b32";
/** 50 Mbit a second. */
const LINE = 50e6 / 8;
const PHOTOS = 500;
const CONTENDERS = ["f32", "int8"].flatMap((kind) => [["clip-vision", kind], ["transformers.js", kind]]);

export default {
  name: "first-embedding",
  what: "requests, bytes and time until a page's first embedding in Chromium, ViT-B/32's vision tower",
  needs: ["browser"],
  models: [MODEL],
  rounds: 3,
  async run(bench) {
    const { chromium } = await import("@playwright/test");
    const server = await countingServer({
      "/": inRoot("tests", "bench", "page"),
      "/dist/": dist,
      "/peers/": peersFolder,
      "/models/": modelsFolder,
      "/photos/": path.join(modelsFolder, "pictures", "photos"),
    });
    const { args } = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"))["goog:chromeOptions"];
    const browser = await chromium.launch({ executablePath: bench.chrome, args });
    try {
      const rows = [];
      for (const [name, kind] of CONTENDERS) {
        bench.say(`${name} ${kind}`);
        const fast = [];
        for (let round = 0; round < bench.rounds; round += 1) fast.push(await visit(browser, server, name, kind, Infinity));
        const slow = await visit(browser, server, name, kind, LINE);
        const { counted } = fast[0].cold;
        const bytes = (kind) => counted[kind]?.bytes ?? 0;
        rows.push([
          `${name} ${kind}`,
          Object.values(counted).reduce((sum, { requests }) => sum + requests, 0),
          (bytes("code") / 1000).toFixed(0),
          megabytes(bytes("wasm")),
          megabytes(bytes("weights")),
          spread(summary(fast.map(({ cold }) => cold.ms))),
          spread(summary(fast.map(({ warm }) => warm.ms))),
          milliseconds(slow.cold.ms),
          milliseconds(slow.warm.ms),
        ]);
      }
      const { longest, done } = await longestTask(browser, server);
      return [
        {
          title: "Until the first embedding",
          columns: ["", "requests", "scripts, kB", "wasm, MB", "weights, MB", "loopback, nothing kept, ms", "all kept, ms", "50 Mbit/s, nothing kept, ms", "all kept, ms"],
          rows,
          notes: [
            "From a page's first line to its first embedding of a JPEG of 640 × 480, as the quickstart of each has it. Scripts and wasm files are " +
              "gzipped. \"All kept\": the same page once more, with the browser's cache and the package's own. clip-vision reads the f32 file " +
              "for int8 too, and of a model with both towers the vision tower alone; transformers.js' int8 is a file of its own. 50 Mbit/s once each.",
          ],
        },
        {
          title: "The page meanwhile",
          columns: ["", "photos", "longest task of the page's thread, ms"],
          rows: [["clip-vision int8", done, milliseconds(longest)]],
          notes: [`${PHOTOS} JPEGs of 640 × 480 by \`embedMany\`; tasks as Chromium's tracing has them.`],
        },
      ];
    } finally {
      await browser.close();
      await server.close();
    }
  },
};

/** A first visit and a second one. */
async function visit(browser, server, name, kind, speed) {
  const context = await browser.newContext();
  try {
    const once = async () => {
      server.reset(speed);
      const page = await open(context, server);
      const { ms } = await page.evaluate(([...asked]) => globalThis.first(...asked), [name, MODEL, kind]);
      const counted = structuredClone(server.counted());
      await page.close();
      return { ms, counted };
    };
    return { cold: await once(), warm: await once() };
  } finally {
    await context.close();
  }
}

async function open(context, server) {
  const page = await context.newPage();
  page.setDefaultTimeout(600_000);
  await page.goto(`${server.url}first.html`);
  await page.waitForFunction(() => globalThis.first);
  return page;
}

/** The longest task of the page's own thread while photos are embedded. */
async function longestTask(browser, server) {
  server.reset();
  const context = await browser.newContext();
  try {
    const page = await open(context, server);
    await page.evaluate(([...asked]) => globalThis.first(...asked), ["clip-vision", MODEL, "int8"]);
    await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline"] });
    const done = await page.evaluate((count) => globalThis.many(count), PHOTOS);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    const threads = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
    const isMain = ({ pid, tid }) => threads.some((thread) => thread.pid === pid && thread.tid === tid);
    const tasks = traceEvents.filter((event) => event.name === "RunTask" && event.dur !== undefined && isMain(event));
    if (tasks.length === 0) throw new Error("the trace has no tasks");
    return { longest: tasks.reduce((most, { dur }) => Math.max(most, dur / 1000), 0), done };
  } finally {
    await context.close();
  }
}
