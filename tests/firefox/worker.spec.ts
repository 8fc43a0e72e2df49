/** The worker in Firefox: which build it gets, errors, taking back, crashes, close; and what is Firefox's alone. */

import { testChoice } from "../browser/both/flavors.ts";
import { testOrigins } from "../browser/both/origins.ts";
import { testRefusals } from "../browser/both/refusals.ts";
import { testSpoilt } from "../browser/both/spoilt.ts";
import { testWorker } from "../browser/both/worker.ts";
import { expect, newTab, start, test } from "./test.ts";

testChoice(test);
testWorker(test);
testOrigins(test);
testRefusals(test);
testSpoilt(test);

test("a text and its photos, in a collection that is saved", async ({ tab }) => {
  const answer = await tab.evaluate(async () => {
    const both = await clipVision.ClipVision.load("/golden/models/b32-tiny");
    const photos = new clipVision.Embeddings<string>();
    for (const file of ["rgb-photo.png", "gray.png"]) await photos.add(file, await both.embed(`/golden/images/${file}`));
    const found = await photos.search(await both.embedText("a photo"), 2);
    await photos.saveToOpfs("firefox");
    const again = await clipVision.Embeddings.loadFromOpfs<string>("firefox");
    both.close();
    return { found: found.map(({ id }) => id).sort(), size: again.size };
  });
  expect(answer).toEqual({ found: ["gray.png", "rgb-photo.png"], size: 2 });
});

test("pixels that Firefox falsifies are noticed", async ({ firefox, server }) => {
  const wary = await start({ "privacy.resistFingerprinting": true });
  try {
    const { tab } = await newTab(wary, server);
    const found = await tab.evaluate(async () => {
      const url = "/golden/images/rgb-photo.png";
      const image = new Image();
      image.src = url;
      return [(await clip.embed(url, { details: true })).noisy, (await clip.embed(image, { details: true })).noisy];
    });
    expect(found).toEqual([undefined, true]);
  } finally {
    await wary.close();
  }
  expect(firefox.connected).toBe(true);
});
