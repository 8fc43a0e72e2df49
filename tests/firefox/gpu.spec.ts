/** A GPU in Firefox, which has WebGPU on Linux only where it is switched on: by lavapipe, Mesa's software in a GPU's place. */

import type { Browser } from "puppeteer-core";
import { needsGpu, testGpuFamilies, testGpuModels } from "../browser/both/gpu.ts";
import type { Tab, Test } from "../browser/both/tab.ts";
import { expect, newTab, start, test } from "./test.ts";

const PREFERENCES = { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true };

let firefox: Browser | undefined;
let tab: Tab | undefined;

test.afterAll(() => firefox?.close());

/** A test in a Firefox of its own, the same for all. */
const withGpu: Test = (title, body) =>
  test(title, async ({ server, serve, openTab }) => {
    firefox ??= await start(PREFERENCES);
    tab ??= (await newTab(firefox, server)).tab;
    await body({ tab, server, serve, openTab });
  });

testGpuModels(withGpu, ["b32-tiny", "odd-widths"]);
testGpuFamilies(withGpu, ["dinov2", "siglip2"]);

withGpu("Firefox answers a pass without the 100 ms for which it does not look at its GPU", async ({ tab }) => {
  await needsGpu(tab);
  const times = await tab.evaluate(async () => {
    const clip = await clipVision.ClipVision.load("/golden/models/odd-widths", { device: "webgpu", cache: false });
    const times: number[] = [];
    for (let time = 0; time < 7; time += 1) times.push((await clip.embed("/golden/images/rgb-photo.png", { details: true })).timings.forward);
    clip.close();
    return times;
  });
  test.info().annotations.push({ type: "measured", description: JSON.stringify(times) });
  // A pass of this small model takes some milliseconds; of a machine that does other things as well the best time counts.
  expect(Math.min(...times)).toBeLessThan(60);
});
