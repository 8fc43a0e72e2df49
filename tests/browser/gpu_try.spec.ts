import { cosine, expected } from "./golden.ts";
import { expect, test } from "./test.ts";
test.use({ launchOptions: ({ launchOptions }, use) => use({ ...launchOptions, args: [...(launchOptions.args ?? []), "--enable-unsafe-webgpu"] }) } as never);
for (const model of ["b32-tiny", "odd-widths"]) test("try " + model, async ({ page }) => {
  const found = await page.evaluate(async (model) => {
    const t0 = performance.now();
    const warnings: string[] = [];
    const clip = await clipVision.ClipVision.load("/golden/models/" + model, { device: "webgpu", cache: false, onWarning: (w) => warnings.push(w.message) });
    const t1 = performance.now();
    const e = Array.from(await clip.embed("/golden/images/rgb-photo.png"));
    const t2 = performance.now();
    await clip.embed("/golden/images/rgb-photo.png");
    const t3 = performance.now();
    const info = clip.info;
    let text: number[] | string = [];
    try { text = Array.from(await clip.embedText("a red circle")); } catch (e) { text = String(e); }
    const cpu = await clipVision.ClipVision.load("/golden/models/" + model, { cache: false });
    let cpuText: number[] | string = [];
    try { cpuText = Array.from(await cpu.embedText("a red circle")); } catch (e) { cpuText = String(e); }
    return { e, info, times: [t1 - t0, t2 - t1, t3 - t2], text, cpuText, warnings };
  }, model);
  console.log(found.info, found.times, found.warnings, typeof found.text === "string" ? found.text : cosine(found.text, found.cpuText as number[]));
  expect(cosine(found.e, expected(model).embedding("rgb-photo.png")!)).toBeGreaterThan(0.9999);
});
