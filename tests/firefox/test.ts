/**
 * `test` with one Firefox, one page in it and one model for all tests. A start takes 4 s, and three times that on a machine
 * that does other things as well: so there is one, with time enough, a profile of its own (which puppeteer makes) and a
 * port that Firefox chooses.
 *
 * The page stays where it is. Left for one of another isolation it would move to another process, and a page with a frame
 * in it then never arrives, as far as the driver hears: a test that wants another page opens a tab of its own.
 */

import { existsSync } from "node:fs";
import { expect } from "@playwright/test";
import puppeteer, { type Browser } from "puppeteer-core";
import { tabOf, type Tab } from "../browser/both/tab.ts";
import { test as base } from "../browser/served.ts";
import type { TestServer } from "../browser/server.ts";

/** The browser that the set-up found (FIREFOX), or Debian's. */
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
/** Milliseconds for a start, and for any answer of the browser's. */
const PATIENCE = 180_000;

/** Firefox's settings beyond those with which puppeteer keeps it from calling home. */
const PREFERENCES = {
  "network.proxy.type": 0, // the servers are on this machine, whatever the environment says of proxies
  "dom.ipc.processCount": 1, // one page needs no more processes than one
  "dom.ipc.processPrelaunch.enabled": false,
  "browser.cache.disk.enable": false,
  "datareporting.policy.dataSubmissionEnabled": false,
};

interface Shared {
  firefox: Browser;
  /** The one page, for most tests. */
  tab: Tab;
}

interface Fixtures {
  /** Skips where there is no Firefox: what can't run has not passed. */
  firefoxIsThere: void;
  /** Opens another tab, of another server. */
  openTab: (server: TestServer) => Promise<Tab>;
}

export const test = base.extend<Fixtures, Shared>({
  firefoxIsThere: [
    async ({}, use, info) => {
      info.skip(!existsSync(FIREFOX), `there is no Firefox at ${FIREFOX}`);
      await use();
    },
    { auto: true },
  ],
  firefox: [
    async ({}, use) => {
      const browser = await start();
      await use(browser);
      await browser.close();
    },
    { scope: "worker", timeout: PATIENCE },
  ],
  tab: [
    async ({ firefox, server }, use) => {
      await use((await newTab(firefox, server)).tab);
    },
    { scope: "worker", timeout: PATIENCE },
  ],
  openTab: async ({ firefox }, use) => {
    const closes: (() => Promise<void>)[] = [];
    await use(async (server) => {
      const { tab, close } = await newTab(firefox, server);
      closes.push(close);
      return tab;
    });
    await Promise.all(closes.map((close) => close()));
  },
});

/** Starts a Firefox, with settings beyond those that all have. */
export function start(preferences: Record<string, unknown> = {}): Promise<Browser> {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE,
    extraPrefsFirefox: { ...PREFERENCES, ...preferences },
  });
}

/** Opens a server's page in a tab of its own and loads the model into it. */
export async function newTab(firefox: Browser, server: TestServer): Promise<{ tab: Tab; close(): Promise<void> }> {
  const page = await firefox.newPage();
  await page.goto(server.url, { timeout: PATIENCE });
  await page.waitForSelector("html[data-ready]", { timeout: PATIENCE });
  return { tab: await tabOf(page), close: () => page.close() };
}

export { expect };
