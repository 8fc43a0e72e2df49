/** Spoilt pictures in the builds that have threads: `both/spoilt.ts`, which the other engines run with the build that they get. */

import { FLAVORS } from "./both/flavors.ts";
import { embedSpoilt, PATIENCE } from "./both/spoilt.ts";
import { expect, test } from "./test.ts";

for (const { name, built } of FLAVORS.filter(({ threads }) => threads)) {
  test(`${name}: spoilt pictures end with an answer each`, async ({ serve, openTab }) => {
    // `npm test` builds all; CLIP_VISION_QUICK and CLIP_VISION_FLAVORS, for trying, do not.
    test.skip(!built, `${name} was not built`);
    test.setTimeout(PATIENCE);
    const { threads, summary } = await embedSpoilt(await openTab(await serve({ isolated: true })), `/dist/wasm/${name}/clip_vision_bg.wasm`);
    console.log(`${name}: ${summary}`);
    expect(threads).toBe(3);
  });
}
