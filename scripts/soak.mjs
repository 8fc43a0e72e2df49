// npm run soak [-- --firefox] [part…]: what takes too long for npm test. Does the same thing over and over in Chromium, or in
// Firefox, and prints what memory did meanwhile: that of the page's process, and that of the engine. Memory that keeps growing fails.
// Photos are bytes, not addresses: whoever drives a browser has it record what it fetched, and that grows.
//
// SOAK_SCALE=0.1 does a tenth of everything.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { buildPackage } from "./build.mjs";
import { Stop, inRoot, main, note, seconds, step } from "./lib.mjs";
import { serve } from "./serve.mjs";
import { setUpTests } from "./setup.mjs";
import { browsers } from "./soak_browsers.mjs";

const SCALE = Number(process.env.SOAK_SCALE ?? 1);
const MB = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
/** Parts of a run that are measured by themselves; the first is for warming up. */
const LAPS = 10;
/** What the last laps may have more than the second: garbage that is not collected yet, and the allocator's holes. */
const SLACK = 40e6;

/**
 * name    for the command line
 * what    one line on what is done
 * rounds  how often
 * lap     runs in the page: does `rounds` rounds, resolves to the bytes of the engine that it ended with, if there is one
 */
const parts = [
  {
    name: "images",
    what: "images embedded in a row, of every kind that the tests have",
    rounds: 10_000,
    lap: async ({ rounds, files }) => {
      const { ClipVision, memory, workerUrl } = globalThis.soak;
      globalThis.soak.clip ??= await ClipVision.load("/golden/models/odd-widths", { worker: () => new Worker(workerUrl, { type: "module" }) });
      const read = async (file) => (await fetch(`/golden/images/${file}`)).arrayBuffer();
      globalThis.soak.photos ??= await Promise.all(files.map(read));
      const photos = Array.from({ length: rounds }, (_, index) => globalThis.soak.photos[index % files.length]);
      for await (const { error } of globalThis.soak.clip.embedMany(photos)) if (error) throw error;
      return memory();
    },
  },
  {
    name: "load-close",
    what: "models loaded, used once and closed",
    rounds: 50,
    lap: async ({ rounds, model }) => {
      const { ClipVision } = globalThis.soak;
      for (let round = 0; round < rounds; round += 1) {
        const clip = await ClipVision.load(model);
        await clip.embed("/golden/images/rgb-photo.png");
        clip.close();
      }
      return undefined;
    },
  },
  {
    name: "cancel",
    what: "calls taken back while they wait or are computed, one in five let be",
    rounds: 2_000,
    lap: async ({ rounds, model }) => {
      const { ClipVision, memory, workerUrl } = globalThis.soak;
      globalThis.soak.clip ??= await ClipVision.load(model, { worker: () => new Worker(workerUrl, { type: "module" }) });
      globalThis.soak.photo ??= await (await fetch("/golden/images/photo-640x427.jpg")).arrayBuffer();
      const { clip, photo } = globalThis.soak;
      let work = [];
      for (let round = 0; round < rounds; round += 1) {
        const controller = new AbortController();
        work.push(clip.embed(photo, { signal: controller.signal }).catch((error) => {
          if (error.name !== "AbortError") throw error;
        }));
        if (round % 5 !== 4) setTimeout(() => controller.abort(), 40 * Math.random());
        else await Promise.all(work), (work = []);
      }
      await Promise.all(work);
      return memory();
    },
  },
  {
    name: "crash",
    what: "crashes of the engine under a photo, others waiting, the model loaded again after each",
    rounds: 50,
    lap: async ({ rounds, model }) => {
      const { ClipVision } = globalThis.soak;
      const clip = await ClipVision.load(model, { worker: () => new Worker("/fixtures/crashing_worker.js", { type: "module" }) });
      for (let round = 0; round < rounds; round += 1) {
        const photo = "/golden/images/rgb-photo.png";
        const calls = [new TextEncoder().encode("PANIC"), photo, photo].map((one) => clip.embed(one).then(() => "done", (error) => error.code));
        const [panic, ...others] = await Promise.all(calls);
        if (panic !== "decode") throw new Error(`the panic ended with ${panic}`);
        if (!others.every((code) => code === "done" || code === "worker-crashed")) throw new Error(`beside the panic others ended with ${others}`);
        await clip.embed(photo);
      }
      clip.close();
      return undefined;
    },
  },
];

async function soak(part, browser, url, context) {
  const rounds = Math.max(LAPS, Math.round(part.rounds * SCALE));
  step(`${rounds} × ${part.name}`, part.what);
  const page = await browser.page();
  await page.goto(`${url}fixtures/soak.html`);
  await page.waitForFunction(() => "soak" in globalThis);
  const laps = [];
  const begin = Date.now();
  for (let lap = 1; lap <= LAPS; lap += 1) {
    const engine = await page.evaluate(part.lap, { ...context, rounds: Math.round(rounds / LAPS) });
    await sleep(500); // a worker's end takes a moment
    const process = await browser.memory(page);
    if (!process) throw new Stop("The page's process can't be found, so its memory is not known.");
    laps.push({ process, engine });
    note(`${String((lap * rounds) / LAPS).padStart(6)}  page ${MB(process).padStart(9)}${engine ? `  engine ${MB(engine)}` : ""}  ${seconds(begin)}`);
  }
  await page.close();
  const last = laps.slice(-3).map(({ process }) => process);
  const grown = Math.min(...last) - laps[1].process;
  const engineGrown = (laps.at(-1).engine ?? 0) - (laps[1].engine ?? 0);
  return { name: part.name, rounds, took: seconds(begin), from: laps[1], to: laps.at(-1), grown, engineGrown };
}

await main(async () => {
  const { values, positionals: names } = parseArgs({ options: { firefox: { type: "boolean" } }, allowPositionals: true });
  await setUpTests();
  await buildPackage();
  const server = await serve({
    "/dist": inRoot("dist"),
    "/golden": inRoot("tests", "golden"),
    "/fixtures": inRoot("tests", "browser", "fixtures"),
  });
  const browser = await browsers[values.firefox ? "firefox" : "chromium"]();
  try {
    const { images } = JSON.parse(readFileSync(inRoot("tests", "golden", "images.json"), "utf8"));
    const context = { files: images.map(({ file }) => file), model: "/golden/models/b32-tiny" };
    const results = [];
    for (const part of parts.filter(({ name }) => names.length === 0 || names.includes(name))) {
      results.push(await soak(part, browser, server.url, context));
    }
    console.log(`\n${"part".padEnd(12)}${"rounds".padStart(8)}${"page, second lap".padStart(22)}${"last lap".padStart(12)}${"engine".padStart(22)}`);
    for (const { name, rounds, from, to, took } of results) {
      const engine = from.engine ? `${MB(from.engine)} → ${MB(to.engine)}` : "";
      console.log(`${name.padEnd(12)}${String(rounds).padStart(8)}${MB(from.process).padStart(22)}${MB(to.process).padStart(12)}${engine.padStart(22)}  ${took}`);
    }
    const grew = results.filter(({ grown, engineGrown }) => grown > SLACK || engineGrown > 0);
    for (const { name, grown } of grew) console.error(`${name}: memory grew by ${MB(grown)}`);
    if (grew.length) process.exitCode = 1;
  } finally {
    await browser.close();
    await server.close();
  }
});
