/**
 * The core of the browser tests in WebKit, the engine of Safari, as WebKitGTK has it. Playwright runs the tests, but drives no
 * WebKit as it is shipped, only a patched one: ours is driven over WebDriver (driver.ts).
 */

import { defineConfig } from "@playwright/test";
import firefox from "../firefox/playwright.config.ts";

export default defineConfig(firefox, { testMatch: "*.spec.ts" });
