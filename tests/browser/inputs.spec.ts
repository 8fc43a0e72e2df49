/** The inputs in Chromium, and what only it is asked. */

import { cosine, maxDifference } from "./golden.ts";
import { embedAs, FILE, golden, testInputs } from "./both/inputs.ts";
import { MODEL } from "./both/tab.ts";
import { expect, test } from "./test.ts";

testInputs(test, 0.9999);

test("an SVG at an address that only the application's fetch can read", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><rect width='9' height='9'/></svg>";
    const fetch: typeof window.fetch = async (url, init) =>
      String(url).endsWith("/private.svg") ? new Response(drawing) : window.fetch(url, init);
    const clip = await clipVision.ClipVision.load(model, { fetch, maxBytes: 1000 });
    const { decoder, width, height } = await clip.embed("/private.svg", { details: true });
    clip.close();
    return { decoder, width, height };
  }, `/golden/models/${MODEL}`);
  expect(answer).toEqual({ decoder: "browser", width: 30, height: 20 });
});

test("timings are those of a computation", async ({ tab }) => {
  expect((await embedAs(tab, "a File")).timings.forward).toBeGreaterThan(0);
});

test("a <canvas> of wide gamut", async ({ tab }) => {
  const { embedding } = await embedAs(tab, "a <canvas> of wide gamut");
  expect(cosine(embedding, golden())).toBeGreaterThanOrEqual(0.999); // to the other colors and back, in 8 bits
});

test("what is transferred is gone, what is not stays", async ({ page }) => {
  const lengths = await page.evaluate(
    async ({ model, url }) => {
      const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
      const kept = await (await fetch(url)).arrayBuffer();
      const given = kept.slice(0);
      const before = await clip.embed(kept);
      const after = await clip.embed(given, { transfer: true });
      clip.close();
      return [kept.byteLength > 0, given.byteLength, before.every((value, index) => value === after[index])];
    },
    { model: MODEL, url: `/golden/images/${FILE}` },
  );
  expect(lengths).toEqual([true, 0, true]);
});

test("an icon", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
    // A Windows icon around an image of 16 x 16 in one color.
    const pixels = 16 * 16 * 4;
    const icon = new DataView(new ArrayBuffer(6 + 16 + 40 + pixels + 16 * 4));
    icon.setUint16(2, 1, true);
    icon.setUint16(4, 1, true);
    icon.setUint8(6, 16);
    icon.setUint8(7, 16);
    icon.setUint16(10, 1, true);
    icon.setUint16(12, 32, true);
    icon.setUint32(14, 40 + pixels + 64, true);
    icon.setUint32(18, 22, true);
    icon.setUint32(22, 40, true);
    icon.setInt32(26, 16, true);
    icon.setInt32(30, 32, true);
    icon.setUint16(34, 1, true);
    icon.setUint16(36, 32, true);
    for (let i = 0; i < 256; i += 1) icon.setUint32(62 + 4 * i, 0xff0a141e, true); // BGRA: r 10, g 20, b 30
    const { embedding, decoder, width } = await clip.embed(icon, { details: true });
    const same = await clip.embed({
      data: Uint8Array.from({ length: 16 * 16 * 3 }, (_, index) => [10, 20, 30][index % 3]!),
      width: 16,
      height: 16,
      channels: 3,
    });
    clip.close();
    return { decoder, width, embedding: Array.from(embedding), same: Array.from(same) };
  }, MODEL);
  expect(answer).toMatchObject({ decoder: "rust", width: 16 });
  expect(maxDifference(answer.embedding, answer.same)).toBeLessThanOrEqual(1e-6);
});
