/** 20,000 photos of a folder: taken in, and scrolled through without a late frame. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@playwright/test";
import { type Server, cells, finding, golden, goTo, openDemo, root, serveDemo } from "../browser/demo.ts";
import { begin, end } from "./measure.ts";

const COUNT = Number(process.env["PHOTOS"] ?? 20_000);
const SOURCES = ["photo-420.jpg", "photo-422.jpg", "photo-444.jpg", "photo-progressive.jpg"];
const folder = path.join(root, "target", "demo-photos");

/** JPEG files of which no two have the same bytes: each has its number in a comment. */
function writePhotos(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = SOURCES.map((name) => readFileSync(golden("images", name)));
  for (let i = 0; i < COUNT; i += 1) {
    const file = files[i % files.length] as Buffer;
    const comment = Buffer.from(`number ${String(i).padStart(6, "0")}`);
    const segment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, comment.length + 2]), comment]);
    writeFileSync(path.join(folder, `${i}.jpg`), Buffer.concat([file.subarray(0, 2), segment, file.subarray(2)]));
  }
}

let server: Server;
test.beforeAll(async () => {
  writePhotos();
  server = await serveDemo();
});
test.afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("20,000 photos are scrolled through without a late frame", async ({ page }) => {
  await openDemo(page, server);
  await goTo(page, "Library");
  const since = Date.now();
  await page.locator("[data-purpose=folder]").setInputFiles(folder);
  await expect(page.getByRole("heading", { name: `${(COUNT + 352).toLocaleString("en")} photos` })).toBeVisible({ timeout: 1_500_000 });
  console.log(`${COUNT} photos taken in and embedded in ${((Date.now() - since) / 1000).toFixed(0)} s`);
  await page.reload();
  await goTo(page, "Photos");
  await expect(finding(page)).toHaveText(/photos$/, { timeout: 60_000 });
  await expect(cells(page).first().locator("canvas")).toHaveAttribute("data-state", "there");
  await page.waitForTimeout(3000);

  const box = await page.locator(".grid").boundingBox();
  await page.mouse.move((box?.x ?? 0) + 200, (box?.y ?? 0) + 200);
  await begin(page);
  for (let i = 0; i < 300; i += 1) {
    await page.mouse.wheel(0, i % 60 < 45 ? 240 : 1800); // steady, and now and then in a hurry
    await page.waitForTimeout(16);
  }
  for (let i = 1; i <= 20; i += 1) {
    await page.locator(".grid").evaluate((grid, part) => (grid.scrollTop = part * grid.scrollHeight), (i * 7919) % 20 / 20); // as by the bar
    await page.waitForTimeout(150);
  }
  await expect(cells(page).first().locator("canvas")).toHaveAttribute("data-state", "there");
  const { tasks, frames } = await end(page);
  const late = frames.filter((ms) => ms > 50).length;
  console.log(`scrolling ${COUNT}: longest tasks ${tasks.slice(0, 3).map((ms) => ms.toFixed(0)).join(", ") || "none over 50"} ms; longest frames ${frames.slice(0, 5).map((ms) => ms.toFixed(0)).join(", ")} of ${frames.length}, ${late} over 50 ms`);
  expect(tasks[0] ?? 0).toBeLessThanOrEqual(50);
  expect(late).toBe(0);
});
