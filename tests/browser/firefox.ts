/**
 * The same tests in Firefox, a stock one: Playwright drives only its own build, so puppeteer does, over WebDriver BiDi.
 * What the tests use of a page, both offer in the same way; Playwright remains what runs them.
 */

import { test as base, type BrowserContext } from "@playwright/test";
import puppeteer, { type Browser } from "puppeteer-core";

/** The browser that the stage names; the tests run in Chromium where it names none. */
export const FIREFOX = process.env["FIREFOX"];

export const firefoxTest = base.extend<object, { firefox: Browser }>({
  firefox: [
    async ({}, use) => {
      const firefox = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX!, headless: true });
      await use(firefox);
      await firefox.close();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  context: async ({ firefox }, use) => {
    const context = await firefox.createBrowserContext();
    await use(context as unknown as BrowserContext);
    await context.close();
  },
});
