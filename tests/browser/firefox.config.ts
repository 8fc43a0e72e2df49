/** What of the browser tests runs in Firefox: inputs, lifecycle, errors, texts and the goldens; the demo is Chromium's. */

import { defineConfig } from "@playwright/test";
import config from "./playwright.config.ts";

export default defineConfig({
  ...config,
  testMatch: ["inputs.spec.ts", "lifecycle.spec.ts", "errors.spec.ts", "text.spec.ts", "golden.spec.ts"],
  outputDir: "../../test-results/firefox",
  use: {},
});
