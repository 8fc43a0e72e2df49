/** The builds of the engine, and which of them a page gets. */

import { existsSync } from "node:fs";
import { expect, test as playwright } from "@playwright/test";
import { expected, maxDifference } from "../golden.ts";
import { MODEL, type Test } from "./tab.ts";

/** From the best to the baseline. CLIP_VISION_QUICK builds fewer: the others are skipped. */
export const FLAVORS = [
  { name: "relaxed-threads", simd: "relaxed", threads: true },
  { name: "simd-threads", simd: "simd128", threads: true },
  { name: "relaxed", simd: "relaxed", threads: false },
  { name: "simd", simd: "simd128", threads: false },
].map((flavor) => ({
  ...flavor,
  built: existsSync(new URL(`../../../dist/wasm/${flavor.name}/clip_vision_bg.wasm`, import.meta.url)),
}));

/** `i32x4.relaxed_trunc_f32x4_s (i32x4.splat 0)`: valid where there is relaxed SIMD. */
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 11, 1, 9, 0, 65, 0, 253, 17, 253, 129, 2, 11,
];

export function testChoice(test: Test): void {
  for (const isolated of [true, false]) {
    test(`a page that is ${isolated ? "" : "not "}isolated gets the best build for it, and no other`, async ({ serve, openTab }) => {
      const server = await serve({ isolated });
      const tab = await openTab(server);
      for (const wanted of [undefined, 2]) {
        const asked = server.requests.length;
        const { info, cores, isolation, memory, relaxed, embedding } = await tab.evaluate(
          async ({ model, wanted, module }) => {
            const chosen = await clipVision.ClipVision.load(`/golden/models/${model}`, wanted ? { threads: wanted } : {});
            const embedding = Array.from(await chosen.embed("/golden/images/rgb-photo.png"));
            chosen.close();
            const relaxed = WebAssembly.validate(Uint8Array.from(module));
            const memory = typeof SharedArrayBuffer; // WebKitGTK's pages have none, isolated as they are
            return { info: chosen.info, cores: navigator.hardwareConcurrency, isolation: crossOriginIsolated, memory, relaxed, embedding };
          },
          { model: MODEL, wanted, module: RELAXED },
        );
        expect(isolation).toBe(isolated);
        expect(maxDifference(embedding, expected(MODEL).embedding("rgb-photo.png")!)).toBeLessThanOrEqual(1e-4);
        const possible = isolated && memory === "function" ? (wanted ?? Math.min(Math.max(cores - 1, 1), 8)) : 1;
        const fits = (one: (typeof FLAVORS)[number]) =>
          one.built && (possible > 1 || !one.threads) && (relaxed || one.simd !== "relaxed");
        const best = FLAVORS.find(fits)!;
        expect(info).toMatchObject({ simd: best.simd, threads: best.threads ? possible : 1 });
        playwright.info().annotations.push({ type: "build", description: `${best.name}, relaxed SIMD: ${relaxed}` });
        const wasm = server.requests.slice(asked).filter((path) => path.endsWith(".wasm"));
        expect(wasm).toEqual([`/dist/wasm/${best.name}/clip_vision_bg.wasm`]);
      }
    });
  }
}
