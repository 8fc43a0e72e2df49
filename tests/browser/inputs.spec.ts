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
    const clip = await clipVision.ClipVision.load(model, { fetch, limits: { maxBytes: 1000 }, svg: true });
    const { decoder, width, height } = await clip.embed("/private.svg", { details: true });
    clip.close();
    return { decoder, width, height };
  }, `/golden/models/${MODEL}`);
  expect(answer).toEqual({ decoder: "browser", width: 30, height: 20 });
});

test("SVG is drawn where the application asks for it, at a size that does no harm, and nowhere else", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const drawing = (size: string) => new Blob([`<svg xmlns='http://www.w3.org/2000/svg' ${size}><rect width='9' height='9'/></svg>`]);
    const clip = await clipVision.ClipVision.load(model);
    const embed = async (photo: Blob | string, options: object) => {
      const start = performance.now();
      const answer = await clip.embed(photo, { ...options, details: true }).then(
        ({ width, height }) => [width, height],
        ({ code }) => code as string,
      );
      return { answer, took: performance.now() - start };
    };
    // Shapes that use shapes that use shapes: some 2^40 of them.
    const bomb = Array.from({ length: 40 }, (_, i) => `<g id='g${i + 1}'><use href='#g${i}'/><use href='#g${i}'/></g>`).join("");
    const wanted = { svg: true };
    const all = {
      large: await embed(drawing("width='16000' height='16000'"), wanted),
      wide: await embed(drawing("width='16000' height='4000'"), wanted),
      ofNoSize: await embed(drawing("viewBox='0 0 30 20'"), wanted),
      address: await embed("data:image/svg+xml," + encodeURIComponent(await drawing("width='30' height='20'").text()), wanted),
      broken: await embed(new Blob(["<svg xmlns='http://www.w3.org/2000/svg'><rect"]), wanted),
      bomb: await embed(new Blob([`<svg xmlns='http://www.w3.org/2000/svg'><rect id='g0' width='9' height='9'/>${bomb}</svg>`]), {}),
    };
    clip.close();
    return all;
  }, `/golden/models/${MODEL}`);
  test.info().annotations.push({ type: "measured", description: JSON.stringify(answer) });
  expect(answer.large.answer).toEqual([2000, 2000]);
  expect(answer.wide.answer).toEqual([4000, 1000]);
  expect(answer.ofNoSize.answer).toEqual([expect.any(Number), expect.any(Number)]);
  expect(answer.address.answer).toEqual([30, 20]);
  expect(answer.broken.answer).toBe("decode");
  expect(answer.bomb.answer).toBe("unsupported-format");
  for (const [name, { took }] of Object.entries(answer)) expect(took, name).toBeLessThan(5000);
});

test("what is too large is refused, whatever it comes as", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model, { limits: { maxPixels: 160 * 120 - 1 } });
    const make = (await import("/fixtures/photos.js" as string)) as typeof import("./fixtures/photos.js");
    const url = "/golden/images/rgb-photo.png"; // 160 x 120
    const all: Record<string, string> = {};
    for (const kind of Object.keys(make.photos).filter((name) => name !== "an SVG file")) {
      const { photo, options } = await make.photos[kind]!(url);
      all[kind] = await clip.embed(photo as Blob, options).then(() => "done", ({ code }) => code as string);
    }
    for (const file of ["rgb-photo.png", "photo-640x427.jpg", "lossy.webp", "../foreign/photo.avif"]) {
      all[file] = await clip.embed(`/golden/images/${file}`, { decoder: "browser" }).then(() => "done", ({ code }) => code as string);
    }
    clip.close();
    return all;
  }, `/golden/models/${MODEL}`);
  expect(answer).toEqual(Object.fromEntries(Object.keys(answer).map((kind) => [kind, "too-large"])));
});

test("a bitmap of more pixels than are drawn at a time is read in bands, each where it belongs", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const [width, height] = [4001, 4001];
    const clip = await clipVision.ClipVision.load(model);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d")!;
    for (let row = 0; row < height; row += 3) {
      context.fillStyle = `rgb(${row % 256} ${(row * 7) % 256} ${Math.floor(row / 20) % 256})`;
      context.fillRect(0, row, width, 3);
    }
    const values = context.getImageData(0, 0, width, height);
    const read = await clip.tensor(canvas);
    const given = await clip.tensor(values);
    context.clearRect(0, 0, width, 100); // not opaque: read a second time, as it is stored
    const cut = await clip.tensor(canvas);
    const cutGiven = await clip.tensor(context.getImageData(0, 0, width, height));
    clip.close();
    const difference = (a: Float32Array, b: Float32Array) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
    return { opaque: difference(read.data, given.data), translucent: difference(cut.data, cutGiven.data) };
  }, `/golden/models/${MODEL}`);
  expect(answer).toEqual({ opaque: 0, translucent: 0 });
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
