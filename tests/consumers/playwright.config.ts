/** The consumers' tests: each builds a project or an example with the packed package and opens it in the system's own Chromium. */

import { defineConfig } from "@playwright/test";
import browser from "../browser/playwright.config.ts";

// Two at a time: most of it is builds, and nothing is measured.
export default defineConfig(browser, { testMatch: "*.spec.ts", timeout: 180_000, expect: { timeout: 30_000 }, workers: 2 });
