/** `test` with a server, and a page that has imported the package from it, under the strict policy. */

import { existsSync } from "node:fs";
import { test as chromiumTest, expect, type Page } from "@playwright/test";
import { CHROME } from "./chrome.ts";
import { FIREFOX, firefoxTest } from "./firefox.ts";
import { TestServer, type ServerOptions } from "./server.ts";

interface Fixtures {
  /** Skips where there is no browser: what can't run has not passed. */
  browserIsThere: void;
  /** Starts more servers, of other origins or with other policies. */
  serve: (options?: ServerOptions) => Promise<TestServer>;
}

const base = FIREFOX ? (firefoxTest as unknown as typeof chromiumTest) : chromiumTest;

export const test = base.extend<Fixtures, { server: TestServer }>({
  browserIsThere: [
    async ({}, use, info) => {
      const browser = FIREFOX ?? CHROME;
      info.skip(!existsSync(browser), `there is no browser at ${browser}`);
      await use();
    },
    { auto: true },
  ],
  server: [
    async ({}, use) => {
      const server = await TestServer.start();
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  page: async ({ page, server }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(`${error.name}: ${error.message}`));
    await open(page, server);
    await use(page);
    expect(complaints, "what the page threw and nobody caught").toEqual([]);
  },
  serve: async ({}, use) => {
    const servers: TestServer[] = [];
    await use(async (options) => {
      const server = await TestServer.start(options);
      servers.push(server);
      return server;
    });
    await Promise.all(servers.map((server) => server.close()));
  },
});

/** Opens a server's page, and waits until the package is there. */
export async function open(page: Page, server: TestServer): Promise<void> {
  await page.goto(server.url);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
}

/** Picks files in an `<input>`, as a user does. */
export async function pickFiles(page: Page, selector: string, files: string[]): Promise<void> {
  const input = await page.waitForSelector(selector);
  if (!FIREFOX) return input.setInputFiles(files);
  await (input as unknown as { uploadFile(...files: string[]): Promise<void> }).uploadFile(...files);
}

export { expect };
