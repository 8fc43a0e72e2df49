/** `test` with a server, and a page that has imported the package from it, under the strict policy. */

import { existsSync } from "node:fs";
import { expect, type Page } from "@playwright/test";
import { tabOf, type Tab } from "./both/tab.ts";
import { CHROME } from "./chrome.ts";
import { test as base } from "./served.ts";
import type { TestServer } from "./server.ts";

interface Fixtures {
  /** Skips where there is no browser: what can't run has not passed. */
  browserIsThere: void;
  /** The page, with a model in it, for the tests of both browsers. */
  tab: Tab;
  /** Leads the page to another server. */
  openTab: (server: TestServer) => Promise<Tab>;
}

export const test = base.extend<Fixtures>({
  browserIsThere: [
    async ({}, use, info) => {
      info.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);
      await use();
    },
    { auto: true },
  ],
  page: async ({ page, server }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(`${error.name}: ${error.message}`));
    await open(page, server);
    await use(page);
    expect(complaints, "what the page threw and nobody caught").toEqual([]);
  },
  tab: async ({ page }, use) => use(await tabOf(page)),
  openTab: async ({ page }, use) =>
    use(async (server) => {
      await open(page, server);
      return tabOf(page);
    }),
});

/** Opens a server's page, and waits until the package is there. */
export async function open(page: Page, server: TestServer): Promise<void> {
  await page.goto(server.url);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
}

export { expect };
