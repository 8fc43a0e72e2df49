// node scripts/screenshots.mjs [FOLDER] [PHOTO…]: the built demo as it looks (npm run build) with photos in it, on a phone
// and on a desk, light and dark; with the sample drawings where none are named. For README, and to look at after a change.

import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "@playwright/test";
import { demoDist } from "./build.mjs";
import { inRoot } from "./lib.mjs";
import { serve } from "./serve.mjs";

const SIZES = [
  { width: 390, height: 844, scale: 2 },
  { width: 1280, height: 900, scale: 1 },
];

const webdriver = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"));
const [folder = inRoot("target", "screenshots"), ...photos] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const server = await serve(demoDist);
const browser = await chromium.launch({
  executablePath: process.env.CHROME ?? "/usr/bin/chromium",
  args: webdriver["goog:chromeOptions"].args,
});
try {
  for (const { width, height, scale } of SIZES) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme, deviceScaleFactor: scale });
      const shoot = async (name, options) => {
        const file = path.join(folder, `${width}-${colorScheme}-${name}.png`);
        await page.screenshot({ path: file, ...options });
        console.log(file);
      };
      await page.goto(server.url);
      await page.locator("#model-facts").waitFor();
      await shoot("empty");
      if (photos.length) await page.locator("#photo-input").setInputFiles(photos);
      else await page.getByRole("button", { name: "Try sample drawings" }).click();
      await page.locator(".card").first().waitFor();
      await page.locator("#batch-progress").waitFor({ state: "hidden" });
      await page.waitForFunction(() => document.querySelectorAll(".thumbnail img").length > 0);
      await page.getByLabel("Search the photos").fill("a yellow star");
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByLabel("Label the photos").fill("circle, square, star, heart, ring, moon, cross");
      await page.getByRole("button", { name: "Label", exact: true }).click();
      await page.waitForTimeout(1500); // words, thumbnails, and the indicator's next word
      await page.evaluate(() => scrollTo(0, 0));
      await shoot("photos");
      await shoot("whole", { fullPage: true });
      await page.close();
    }
  }
} finally {
  await browser.close();
  await server.close();
}
