/**
 * The core of the browser tests in WebKit, the engine of Safari, as WebKitGTK has it. Playwright runs the tests, but drives no
 * WebKit as it is shipped, only a patched one: ours is driven over WebDriver (driver.ts).
 *
 * All of it twice: as WebKitGTK comes, which has neither `navigator.storage` nor memory that threads share; and with those
 * switched on, as Safari has them.
 */

import { defineConfig } from "@playwright/test";
import firefox from "../firefox/playwright.config.ts";
import type { Shared } from "./test.ts";

export default defineConfig<object, Shared>(firefox as object, {
  testMatch: "*.spec.ts",
  projects: [
    { name: "as it comes" },
    {
      name: "as in Safari",
      use: {
        extras: {
          features: ["FileSystem", "FileSystemWritableStream", "StorageAPI", "StorageAPIEstimate"],
          environment: { JSC_useSharedArrayBuffer: "1" },
        },
      },
    },
  ],
});
