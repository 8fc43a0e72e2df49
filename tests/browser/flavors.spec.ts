/** Every build of the engine, with and without threads: which one a page gets, and that all of them compute the same. */

import { FLAVORS, testChoice } from "./both/flavors.ts";
import { MODEL } from "./both/tab.ts";
import { expected, images, maxDifference } from "./golden.ts";
import { heavyConfig, heavyWeights } from "./heavy_model.ts";
import { expect, open, test } from "./test.ts";

const FILES = images.filter(({ lossy }) => !lossy).slice(0, 8).map(({ file }) => file);

testChoice(test);

for (const { name, simd, threads, built } of FLAVORS) {
  for (const precision of ["f32", "int8"] as const) {
    test(`${name}, ${precision}: equal to Python's, and to the bit for any number of threads`, async ({ page, serve }) => {
      // `npm test` builds all; CLIP_VISION_QUICK and CLIP_VISION_FLAVORS, for trying, do not.
      test.skip(!built, `${name} was not built`);
      await open(page, await serve({ isolated: true }));
      const runs = await page.evaluate(
        async ({ model, files, name, precision, counts }) => {
          const all: { info: { simd: string; threads: number }; embeddings: number[][] }[] = [];
          for (const threads of counts) {
            const wasmUrl = `/dist/wasm/${name}/clip_vision_bg.wasm`;
            const clip = await clipVision.ClipVision.load(`/golden/models/${model}`, { precision, threads, wasmUrl });
            const embeddings: number[][] = [];
            for (const file of [...files, files[0]!]) {
              embeddings.push(Array.from(await clip.embed(`/golden/images/${file}`)));
            }
            clip.close();
            all.push({ info: clip.info, embeddings });
          }
          return all;
        },
        { model: MODEL, files: FILES, name, precision, counts: threads ? [2, 3, 5] : [1] },
      );
      for (const [index, { info, embeddings }] of runs.entries()) {
        expect(info).toMatchObject({ simd, threads: threads ? [2, 3, 5][index] : 1 });
        expect(embeddings).toEqual(runs[0]!.embeddings);
        expect(embeddings.at(-1)).toEqual(embeddings[0]);
        if (precision === "int8") continue;
        for (const [at, file] of FILES.entries()) {
          const python = expected(MODEL).embedding(file)!;
          expect(maxDifference(embeddings[at]!, python), file).toBeLessThanOrEqual(1e-4);
        }
      }
    });
  }
}

test("threads end with their worker", async ({ page, serve }) => {
  // As above: `npm test` builds all; CLIP_VISION_QUICK, for trying, builds none with threads.
  test.skip(!FLAVORS.some(({ threads, built }) => threads && built), "no build has threads");
  const server = await serve({ isolated: true });
  server.files.set("/made/heavy/config.json", heavyConfig);
  server.files.set("/made/heavy/model.safetensors", heavyWeights());
  await open(page, server);
  const session = await page.context().browser()!.newBrowserCDPSession();
  const workers = async (): Promise<number> => {
    const { targetInfos } = await session.send("Target.getTargets", { filter: [{ type: "worker" }, { type: "dedicated_worker" }] });
    return targetInfos.length;
  };
  for (const busy of [false, true]) {
    const info = await page.evaluate(async (busy) => {
      const clip = await clipVision.ClipVision.load("/made/heavy/", { threads: 3 });
      Object.assign(globalThis, { clip });
      if (busy) clip.embed("/golden/images/rgb-photo.png").catch(() => undefined);
      return clip.info;
    }, busy);
    expect(info.threads).toBe(3);
    expect(await workers(), "the worker, two that help, and a spare one").toBe(4);
    await page.evaluate(() => (globalThis as unknown as { clip: { close(): void } }).clip.close());
    await expect.poll(workers, { timeout: 20_000 }).toBe(0);
  }
});

test("a load asks for as many threads as there can be", async ({ page, serve }) => {
  await open(page, await serve({ isolated: true }));
  const codes = await page.evaluate(async (model) => {
    const load = (threads: number) => clipVision.ClipVision.load(model, { threads }).then(() => "loaded", ({ code }) => code as string);
    return Promise.all([0, -1, 1.5, 65, NaN].map(load));
  }, `/golden/models/${MODEL}`);
  expect(codes).toEqual(Array(5).fill("invalid-argument"));
});
