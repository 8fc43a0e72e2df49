/** The browser tests: the built package in the system's own Chromium, one test after the other. */

import { readFileSync } from "node:fs";
import { defineConfig } from "@playwright/test";
import { CHROME } from "./chrome.ts";

const webdriver = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url), "utf8")) as {
  "goog:chromeOptions": { args: string[] };
};

export default defineConfig({
  testMatch: "*.spec.ts",
  outputDir: "../../test-results",
  reporter: "list",
  workers: 1, // the tests measure: two at a time on two cores would measure each other
  timeout: 60_000,
  forbidOnly: Boolean(process.env["CI"]),
  use: {
    launchOptions: { executablePath: CHROME, args: webdriver["goog:chromeOptions"].args },
  },
});
