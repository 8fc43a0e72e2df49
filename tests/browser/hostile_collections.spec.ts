/** Saved collections, spoilt at random, in the page's worker: `tests/js/hostile_collections.test.ts` has what is wrong by design. */

import { readFileSync } from "node:fs";
import { expect, test } from "./test.ts";

const FORMATS = {
  "Arrow files": ["fixed.arrow", "list64.arrow", "ours.arrow"],
  "Arrow streams": ["stream.arrows"],
  ".npy files": ["f2.npy", "f4.npy", "f8.npy"],
  "files of ours": ["ours.clip-vision"],
};
const COUNT = Number(process.env["FUZZ_COUNT"] ?? 2_000);

for (const [what, names] of Object.entries(FORMATS)) {
  test(`${COUNT} mutations of ${what} end with an answer, within their time`, async ({ page }) => {
    test.setTimeout(60_000 + 20 * COUNT);
    const files = names.map((name) => Array.from(readFileSync(new URL(`../golden/search/${name}`, import.meta.url))));
    const result = await page.evaluate(
      async ({ files, count }) => {
        const load = (path: string) => import(path);
        const { loadMutations } = (await load("/fixtures/mutations.js")) as typeof import("./fixtures/mutations.js");
        const { Connection } = await load("/modules/search/connection.js");
        const { startSearchWorker } = await load("/modules/start_search_worker.js");
        const connect = () => new Connection(startSearchWorker);
        return loadMutations({ connect, files: files.map((bytes) => Uint8Array.from(bytes)), count, seed: 500_000, patience: 2_000 });
      },
      { files, count: COUNT },
    );
    console.log(`${what}: ${JSON.stringify(result.outcomes)}, longest ${Math.round(result.longest)} ms`);
    expect(result.wrong).toEqual([]);
    expect(Object.keys(result.outcomes)).toEqual(expect.arrayContaining(["read", "decode", "unsupported-format"]));
    expect(await page.evaluate(() => 1 + 1), "the page is alive").toBe(2);
  });
}
