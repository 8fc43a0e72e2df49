/**
 * The core of the browser tests in a Firefox as its makers ship it. Playwright runs the tests, but drives no stock Firefox
 * (it sends commands that a release of Firefox does not know yet): puppeteer does, over WebDriver BiDi.
 */

import { defineConfig } from "@playwright/test";
import browser from "../browser/playwright.config.ts";

const { use: _chromium, ...config } = browser;

export default defineConfig(config, {
  testMatch: "*.spec.ts",
  timeout: 120_000, // a test takes a second; a machine that does other things as well may take its time
});
