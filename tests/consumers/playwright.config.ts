/** The consumers' tests: each builds a project with the packed package and opens it in the system's own Chromium. */

import { defineConfig } from "@playwright/test";
import browser from "../browser/playwright.config.ts";

export default defineConfig(browser, { testMatch: "*.spec.ts", timeout: 180_000 });
