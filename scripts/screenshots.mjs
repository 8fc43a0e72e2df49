// node scripts/screenshots.mjs [FOLDER]: every view of the built demo as it looks (npm run build), on a phone and on a desk, light
// and dark, to look at after a change; and readme.png, which is docs/demo.png.

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

const find = (words) => async (page) => {
  await page.getByRole("searchbox").fill(words);
  await page.waitForTimeout(500);
};

/** What is done in each view before it is looked at; what follows a hyphen tells two pictures of one view apart. */
const VIEWS = {
  search: async () => undefined,
  "search-found": find("star"),
  "search-nothing": find("a submarine"),
  "search-photo": async (page) => {
    await find("a blue heart")(page);
    await page.locator(".grid li button").first().click();
  },
  library: async (page) => page.keyboard.press("Escape"),
  labels: async (page) => page.waitForTimeout(1500),
  map: async (page) => page.waitForTimeout(6000),
  live: async (page) => {
    await page.getByRole("button", { name: "Start the camera" }).click();
    await page.waitForTimeout(2500);
  },
  inside: async (page) => {
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.waitForTimeout(4000);
    await page.setViewportSize({ width: page.viewportSize().width, height: 1900 });
  },
  models: async () => undefined,
  "library-all": async (page) => page.setViewportSize({ width: page.viewportSize().width, height: 1900 }),
  settings: async () => undefined,
};

const webdriver = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"));
const [folder = inRoot("target", "screenshots")] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const server = await serve(demoDist);
const browser = await chromium.launch({
  executablePath: process.env.CHROME ?? "/usr/bin/chromium",
  args: [...webdriver["goog:chromeOptions"].args, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});
try {
  for (const { width, height, scale } of SIZES) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme, deviceScaleFactor: scale });
      for (const [name, prepare] of Object.entries(VIEWS)) {
        await page.goto(`${server.url}#/${name.split("-", 1)[0]}`);
        if (name === "search") await page.getByText(/^\d+ photos/).first().waitFor();
        await prepare(page);
        await page.waitForTimeout(700); // thumbnails
        const file = path.join(folder, `${width}-${colorScheme}-${name}.png`);
        await page.screenshot({ path: file });
        await page.setViewportSize({ width, height });
        console.log(file);
      }
      await page.close();
    }
  }
  // The picture of README: four views on a desk.
  const views = ["search-found", "map", "labels", "inside"].map((name) => readFileSync(path.join(folder, `1280-light-${name}.png`)).toString("base64"));
  const page = await browser.newPage({ viewport: { width: 1600, height: 1132 } });
  const images = views.map((data) => `<img src="data:image/png;base64,${data}" style="width: 100%; height: 556px; object-fit: cover; object-position: top; border-radius: 8px" />`);
  await page.setContent(`<body style="margin: 0; padding: 8px; display: grid; grid-template-columns: 1fr 1fr; gap: 8px; background: #d5d8d4">${images.join("")}</body>`);
  await page.screenshot({ path: path.join(folder, "readme.png"), fullPage: true });
  console.log(path.join(folder, "readme.png"));
} finally {
  await browser.close();
  await server.close();
}
