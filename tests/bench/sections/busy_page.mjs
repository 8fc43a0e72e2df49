// Whether a page can be used while many photos are embedded, and what memory is left when it is done with them.

import { countedPages } from "../lib/counted_pages.mjs";
import { memoryOfRenderers } from "../lib/memory.mjs";
import { megabytes, milliseconds } from "../lib/table.mjs";
import { REPOSITORIES } from "./first_embedding.mjs";

const CONTENDERS = [
  { name: "clip-vision", asked: "int8", photos: 500 },
  { name: "transformers.js", asked: "q8", photos: 50 },
];
/** Milliseconds for a worker to end, and its memory with it. */
const AFTERMATH = 2000;

export default {
  name: "busy-page",
  what: "a page's longest task while photos are embedded, and its memory after close, ViT-B/32 in int8",
  needs: ["package", "peers"],
  models: ["b32"],
  async run(bench) {
    const rows = [];
    const pages = await countedPages(bench.chrome, REPOSITORIES);
    try {
      for (const contender of CONTENDERS) {
        bench.say(contender.name);
        const { longest, done, before, work, after } = await watch(pages, contender);
        rows.push([contender.name, done, milliseconds(longest), megabytes(before), megabytes(work), megabytes(after)]);
      }
    } finally {
      await pages.close();
    }
    return [
      {
        title: "The page meanwhile",
        columns: ["", "photos", "longest task of the page's thread, ms", "memory before, MB", "with the model at work, MB", "after close, MB"],
        rows,
        notes: [
          "JPEGs of 640 × 480: `embedMany`; transformers.js as its quickstart has it, on the page, one after the other. Tasks as Chromium's " +
            "tracing has them. Memory is what the page's process has of the machine's: of the empty page, after the photos, and two seconds " +
            "after `close` (transformers.js: `dispose`), each after a collection of garbage.",
        ],
      },
    ];
  },
};

const watch = ({ visitor, open }, { name, asked, photos }) =>
  visitor(async (context) => {
    const [page, browser] = [await open(context, "first"), context.browser()];
    const memory = () => memoryOf(browser, page);
    const before = await memory();
    await page.evaluate((asked) => globalThis.first.embed(...asked), [name, "bench/b32-q8", asked]);
    await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
    const done = await page.evaluate((count) => globalThis.first.many(count), photos);
    const longest = longestTask(JSON.parse((await browser.stopTracing()).toString()));
    const work = await memory();
    await page.evaluate(() => globalThis.first.close());
    await page.waitForTimeout(AFTERMATH);
    return { longest, done, before, work, after: await memory() };
  });

/** Bytes of the process of a page, the largest of all pages', without garbage. */
async function memoryOf(browser, page) {
  const [system, client] = [await browser.newBrowserCDPSession(), await page.context().newCDPSession(page)];
  await client.send("HeapProfiler.collectGarbage");
  const memory = await memoryOfRenderers(system);
  await Promise.all([system.detach(), client.detach()]);
  return Math.max(...memory.values());
}

/** Milliseconds of the longest task of the renderers' main threads in a trace. */
function longestTask({ traceEvents }) {
  const threads = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const isMain = ({ pid, tid }) => threads.some((thread) => thread.pid === pid && thread.tid === tid);
  const tasks = traceEvents.filter((event) => event.name === "RunTask" && event.dur !== undefined && isMain(event));
  if (tasks.length === 0) throw new Error("the trace has no tasks");
  return tasks.reduce((most, { dur }) => Math.max(most, dur / 1000), 0);
}
