/** `test` with one WebKit, one page in it and one model for all tests, as the tests in Firefox have them. */

import { expect } from "@playwright/test";
import { tabOf, type Tab } from "../browser/both/tab.ts";
import { test as base } from "../browser/served.ts";
import type { TestServer } from "../browser/server.ts";
import { missing, WebKit, type Extras } from "./driver.ts";

export interface Shared {
  webkit: WebKit;
  /** The one page, for most tests. */
  tab: Tab;
  /** How the browser is started. */
  extras: Extras;
}

interface Fixtures {
  /** Skips where there is no WebKit: what can't run has not passed. */
  webkitIsThere: void;
  /** Opens another window, of another server. */
  openTab: (server: TestServer) => Promise<Tab>;
}

export const test = base.extend<Fixtures, Shared>({
  webkitIsThere: [
    async ({}, use, info) => {
      info.skip(missing !== undefined, missing);
      await use();
    },
    { auto: true },
  ],
  extras: [{}, { option: true, scope: "worker" }],
  webkit: [
    async ({ extras }, use) => {
      const browser = await WebKit.start(extras);
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
  tab: [
    async ({ webkit, server }, use) => {
      await use((await newTab(webkit, server)).tab);
    },
    { scope: "worker" },
  ],
  openTab: async ({ webkit }, use) => {
    const closes: (() => Promise<void>)[] = [];
    await use(async (server) => {
      const { tab, close } = await newTab(webkit, server);
      closes.push(close);
      return tab;
    });
    for (const close of closes) await close();
  },
});

/** Opens a server's page in a window of its own and loads the model into it. */
export async function newTab(webkit: WebKit, server: TestServer): Promise<{ tab: Tab; close(): Promise<void> }> {
  const page = await webkit.window(server.url);
  await page.evaluate(async () => {
    while (!document.documentElement.dataset["ready"]) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  return { tab: await tabOf(page as never), close: () => page.close() };
}

export { expect };
