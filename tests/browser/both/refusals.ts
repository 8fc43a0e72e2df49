/** What browsers refuse on some pages and devices: the model loads all the same, and says what it went without. */

import { networkInterfaces } from "node:os";
import { expect, test as playwright } from "@playwright/test";
import { maxDifference } from "../golden.ts";
import { golden } from "./inputs.ts";
import { MODEL, type Tab, type Test } from "./tab.ts";

/** Loads a model whose worker is refused something, twice, and embeds; with what was warned of, and how often the server was asked. */
const loadTwice = (tab: Tab, refused: string | undefined, expected: number) =>
  tab.evaluate(
    async ({ model, refused, expected }) => {
      const loads: { embedding: number[]; threads: number; warnings: string[]; cached: number }[] = [];
      for (let time = 0; time < 2; time += 1) {
        const warnings: string[] = [];
        const loaded = await clipVision.ClipVision.load(`/golden/models/${model}`, {
          threads: 2,
          onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
          ...(refused && { worker: () => new Worker(`/fixtures/refusing_worker.js?${refused}`, { type: "module" }) }),
        });
        const embedding = Array.from(await loaded.embed("/golden/images/rgb-photo.png"));
        // What becomes of the cache is known after the load.
        for (let tries = 0; tries < 200 && warnings.length < expected; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
        loaded.close();
        loads.push({ embedding, threads: loaded.info.threads, warnings, cached: (await clipVision.listCached()).length });
      }
      return loads;
    },
    { model: MODEL, refused, expected },
  );

const unique = (warnings: string[]): string[] => [...new Set(warnings.map((warning) => warning.split(":", 1)[0] ?? ""))].sort();

/** What is refused; what is warned of, of the cache and of the threads; whether there are threads. */
const REFUSALS: [refused: string, warnings: string[], threads: boolean, message?: RegExp][] = [
  ["storage", ["cache-unavailable"], true, /private windows/],
  ["room", ["cache-full"], true],
  ["security", ["cache-unavailable"], true, /https/],
  ["largeMemory", [], true],
  ["sharedMemory", ["no-threads"], false],
];

export function testRefusals(test: Test): void {
  for (const [refused, warnings, threads, message = /^/] of REFUSALS) {
    test(`a browser that refuses ${refused}: a model loads`, async ({ serve, openTab }) => {
      const tab = await openTab(await serve({ isolated: true }));
      const memory = await tab.evaluate(async () => {
        while ((await clipVision.deleteCached()) === 0) await new Promise((resolve) => setTimeout(resolve, 10)); // the tab's own
        return typeof SharedArrayBuffer === "function";
      });
      const expected = memory ? warnings : [...new Set([...warnings, "no-threads"])].sort();
      const loads = await loadTwice(tab, refused, expected.length);
      for (const load of loads) {
        expect(maxDifference(load.embedding, golden())).toBeLessThanOrEqual(1e-4);
        expect(load.threads).toBe(threads && memory ? 2 : 1);
        expect(unique(load.warnings), load.warnings.join("\n")).toEqual(expected);
        expect(load.warnings.join("\n")).toMatch(message);
      }
    });
  }

  test("a page without HTTPS: a model loads, without a cache; a collection says that it can't be saved, and searches", async ({ serve, openTab }) => {
    const address = Object.values(networkInterfaces()).flat().find((one) => one?.family === "IPv4" && !one.internal)?.address;
    playwright.skip(address === undefined, "this machine has no address but its own");
    const tab = await openTab(await serve({ host: address! }));
    expect(await tab.evaluate(() => isSecureContext)).toBe(false);
    const loads = await loadTwice(tab, undefined, 2);
    for (const { embedding, warnings, cached } of loads) {
      expect(maxDifference(embedding, golden())).toBeLessThanOrEqual(1e-4);
      expect(unique(warnings)).toEqual(["cache-unavailable", "no-threads"]);
      expect(warnings.join("\n")).toMatch(/cache-unavailable:.*https/i);
      expect(cached).toBe(0);
    }
    const collection = await tab.evaluate(async () => {
      const photos = new clipVision.Embeddings<string>();
      const embedding = await clip.embed("/golden/images/rgb-photo.png");
      await photos.add("photo", embedding);
      const saved = await photos.saveToOpfs("photos").catch(({ code, message }) => `${code}: ${message}`);
      const [found] = await photos.search(embedding, 1);
      photos.close();
      const image = new Image();
      image.src = "/golden/images/rgb-photo.png";
      const drawn = Array.from(await clip.embed(image));
      return { saved, found: found?.id, drawn };
    });
    expect(collection).toMatchObject({ saved: expect.stringMatching(/^unsupported-browser: .*https/), found: "photo" });
    expect(maxDifference(collection.drawn, golden())).toBeLessThanOrEqual(1e-4);
  });
}
