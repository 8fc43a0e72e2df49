/**
 * Pictures, spoilt at random, several at a time in a model with threads, some of which are taken back midway: each ends with
 * an answer, and the model stays what it was. FUZZ_COUNT=100000 does more.
 */

import { readdirSync, readFileSync } from "node:fs";
import { FLAVORS } from "./both/flavors.ts";
import { MODEL } from "./both/tab.ts";
import { expect, open, test } from "./test.ts";

const COUNT = Number(process.env["FUZZ_COUNT"] ?? 1_000);
const FOLDER = new URL("../golden/formats/", import.meta.url);
/** As base64, which crosses to the page fast. */
const pictures = readdirSync(FOLDER).map((name) => readFileSync(new URL(name, FOLDER)).toString("base64"));

/** What a picture that is wrong may be answered with. */
const EXPECTED = ["read", "decode", "unsupported-format", "too-large", "taken back"];

for (const { name, built } of FLAVORS.filter(({ threads }) => threads)) {
  test(`${name}: ${COUNT} spoilt pictures end with an answer each`, async ({ page, serve }) => {
    test.skip(!built, `${name} was not built`);
    test.setTimeout(60_000 + 100 * COUNT);
    await open(page, await serve({ isolated: true }));
    const result = await page.evaluate(
      async ({ model, name, pictures, count }) => {
        const load = (path: string) => import(path);
        const { mutation, randomNumbers } = (await load("/fixtures/mutations.js")) as typeof import("./fixtures/mutations.js");
        const files = pictures.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
        const warnings: string[] = [];
        const loading = clipVision.ClipVision.load(`/golden/models/${model}`, {
          threads: 3,
          wasmUrl: `/dist/wasm/${name}/clip_vision_bg.wasm`,
          onWarning: ({ message }) => void warnings.push(message),
        });
        const clip = await Promise.race([loading, new Promise<never>((_, reject) => setTimeout(() => reject(new Error("stuck: loading")), 30_000))]);
        const good = () => clip.embed("/golden/images/photo-420.jpg").then((embedding) => Array.from(embedding));
        let doing = "the first photo";
        const stuck = async (): Promise<never> => {
          for (let seen = ""; ; seen = doing) {
            await new Promise((resolve) => setTimeout(resolve, 20_000));
            if (seen === doing) throw new Error(`stuck: ${doing}`);
          }
        };
        const before = await Promise.race([good(), stuck()]);
        const outcomes: Record<string, number> = {};
        const pending = new Set<number>();
        let longest = 0;
        const one = async (number: number): Promise<void> => {
          const begin = performance.now();
          pending.add(number);
          const signal = randomNumbers(number)(8) === 0 ? AbortSignal.timeout(randomNumbers(number + 1)(20)) : null;
          const outcome = await clip.embed(new Blob([mutation(files, number)]), signal ? { signal } : {}).then(
            () => "read",
            (error: { code?: string }) => (signal?.aborted && error === signal.reason ? "taken back" : String(error.code ?? error)),
          );
          pending.delete(number);
          doing = `${number} done; under way: ${[...pending].join(", ")}`;
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          longest = Math.max(longest, performance.now() - begin);
        };
        let next = 0;
        const lane = async (): Promise<void> => {
          while (next < count) await one(900_000 + next++);
        };
        await Promise.race([Promise.all([lane(), lane(), lane(), lane()]), stuck()]);
        doing = "the last photo";
        const after = await Promise.race([good(), stuck()]);
        const { threads } = clip.info;
        clip.close();
        return { outcomes, longest, before, after, threads, warnings };
      },
      { model: MODEL, name, pictures, count: COUNT },
    );
    console.log(`${name}: ${JSON.stringify(result.outcomes)}, longest ${Math.round(result.longest)} ms`);
    expect(result.threads).toBe(3);
    expect(EXPECTED).toEqual(expect.arrayContaining(Object.keys(result.outcomes)));
    expect(Object.keys(result.outcomes)).toEqual(expect.arrayContaining(["read", "decode"]));
    expect(result.after).toEqual(result.before);
    expect(result.warnings).toEqual([]);
    expect(result.longest, "four at a time").toBeLessThan(10_000);
  });
}
