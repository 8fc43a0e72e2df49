/** The worker in WebKit: which build it gets, errors, taking back, crashes, close, the cache; and collections. */

import { testChoice } from "../browser/both/flavors.ts";
import { testOrigins } from "../browser/both/origins.ts";
import { testRefusals } from "../browser/both/refusals.ts";
import { testSpoilt } from "../browser/both/spoilt.ts";
import { testWorker } from "../browser/both/worker.ts";
import { expect, test } from "./test.ts";

testChoice(test);
testWorker(test);
testOrigins(test);
testRefusals(test);
testSpoilt(test);

test("the second load comes from the cache", async ({ tab, server }) => {
  const load = () =>
    tab.evaluate(async () => {
      const warnings: string[] = [];
      const both = await clipVision.ClipVision.load("/golden/models/b32-tiny", { onWarning: ({ code }) => warnings.push(code) });
      await both.embedText("a photo");
      while ((await clipVision.listCached()).every(({ text }) => !text)) await new Promise((resolve) => setTimeout(resolve, 10));
      both.close();
      return warnings;
    });
  expect(await load()).toEqual([]);
  const asked = server.requests.length;
  expect(await load()).toEqual([]);
  expect(server.requests.slice(asked).filter((path) => path.startsWith("/golden/"))).toEqual([]);
});

test("a text and its photos, in a collection; a session of WebDriver is a private one, and keeps no files", async ({ tab }) => {
  const answer = await tab.evaluate(async () => {
    const both = await clipVision.ClipVision.load("/golden/models/b32-tiny");
    const photos = new clipVision.Embeddings<string>();
    for (const file of ["rgb-photo.png", "gray.png"]) await photos.add(file, await both.embed(`/golden/images/${file}`));
    const found = await photos.search(await both.embedText("a photo"), 2);
    const saved = await photos.saveToOpfs("webkit").catch(({ code, message }) => `${code}: ${message}`);
    const again = await clipVision.Embeddings.load<string>(await photos.toBlob());
    both.close();
    return { found: found.map(({ id }) => id).sort(), saved, size: again.size };
  });
  expect(answer).toMatchObject({ found: ["gray.png", "rgb-photo.png"], size: 2 });
  expect(answer.saved).toMatch(/^unsupported-browser: .*(https or localhost|private windows)/);
});
