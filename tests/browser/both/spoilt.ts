/** Pictures, spoilt at random, several at a time, some of which are taken back midway: each ends with an answer, and the model stays what it was. */

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "@playwright/test";
import { MODEL, type Tab, type Test } from "./tab.ts";

/** How many; FUZZ_COUNT=100000 does more. */
export const COUNT = Number(process.env["FUZZ_COUNT"] ?? 1_000);
/** Milliseconds that they may take. */
export const PATIENCE = 60_000 + 100 * COUNT;

const FOLDER = new URL("../../golden/formats/", import.meta.url);
/** As base64, which crosses to the page fast. */
const pictures = readdirSync(FOLDER).map((name) => readFileSync(new URL(name, FOLDER)).toString("base64"));

/** What a picture that is wrong may be answered with. */
const EXPECTED = ["read", "decode", "unsupported-format", "too-large", "taken back"];

/** Embeds spoilt pictures with the build at an address, or the page's own choice. */
export async function embedSpoilt(tab: Tab, wasmUrl?: string): Promise<{ threads: number; summary: string }> {
  const result = await tab.evaluate(
    async ({ model, wasmUrl, pictures, count }) => {
      const load = (path: string) => import(path);
      const { mutation, randomNumbers } = (await load("/fixtures/mutations.js")) as typeof import("../fixtures/mutations.js");
      const files = pictures.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
      const attacked = await clipVision.ClipVision.load(`/golden/models/${model}`, { threads: 3, ...(wasmUrl && { wasmUrl }) });
      const outcomes: Record<string, number> = {};
      const pending = new Set<number>();
      let [longest, next, done] = [0, 0, 0];

      const one = async (number: number): Promise<void> => {
        const begin = performance.now();
        const controller = randomNumbers(number)(8) === 0 ? new AbortController() : undefined;
        const timer = setTimeout(() => controller?.abort({ code: "taken back" }), randomNumbers(number + 1)(20));
        const photo = new Blob([mutation(files, number)]);
        pending.add(number);
        const outcome = await attacked.embed(photo, controller ? { signal: controller.signal } : {}).then(
          () => "read",
          (error: { code?: string }) => String(error.code ?? error),
        );
        pending.delete(number);
        clearTimeout(timer);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        longest = Math.max(longest, performance.now() - begin);
        done += 1;
      };
      const lane = async (): Promise<void> => {
        while (next < count) await one(900_000 + next++);
      };
      /** Says which call never settles, rather than nothing. */
      const stuck = async (): Promise<never> => {
        for (let seen = -1; seen !== done; ) {
          seen = done;
          await new Promise((resolve) => setTimeout(resolve, 30_000));
        }
        throw new Error(`${done} of ${count} are done, and these are stuck: ${[...pending].join(", ")}`);
      };
      const good = () => attacked.embed("/golden/images/photo-420.jpg").then((embedding) => Array.from(embedding));
      const before = await good();
      await Promise.race([Promise.all([lane(), lane(), lane(), lane()]), stuck()]);
      const after = await good();
      attacked.close();
      return { outcomes, longest, before, after, threads: attacked.info.threads };
    },
    { model: MODEL, wasmUrl, pictures, count: COUNT },
  );
  expect(EXPECTED).toEqual(expect.arrayContaining(Object.keys(result.outcomes)));
  expect(Object.keys(result.outcomes)).toEqual(expect.arrayContaining(["read", "decode"]));
  expect(result.after).toEqual(result.before);
  expect(result.longest, "four at a time").toBeLessThan(10_000);
  return { threads: result.threads, summary: `${JSON.stringify(result.outcomes)}, longest ${Math.round(result.longest)} ms` };
}

export function testSpoilt(test: Test): void {
  test(`${COUNT} spoilt pictures end with an answer each`, async ({ serve, openTab }) => {
    const { summary } = await embedSpoilt(await openTab(await serve({ isolated: true })));
    console.log(summary);
  });
}
