/** `npm run test:demo`: the demo with large libraries and over a long time. Minutes; it measures, so nothing else should run. */

import { defineConfig } from "@playwright/test";
import browser from "../browser/playwright.config.ts";

export default defineConfig(browser, { testMatch: "*.spec.ts", timeout: 1_800_000 });
