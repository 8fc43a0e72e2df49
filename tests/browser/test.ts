/** `test` with a server, and a page that has imported the package from it, under the strict policy. */

import { existsSync } from "node:fs";
import { test as base, expect, type Page } from "@playwright/test";
import { CHROME } from "./chrome.ts";
import { TestServer, type ServerOptions } from "./server.ts";

interface Fixtures {
  /** Skips where there is no browser: what can't run has not passed. */
  browserIsThere: void;
  /** Starts more servers, of other origins or with other policies. */
  serve: (options?: ServerOptions) => Promise<TestServer>;
}

export const test = base.extend<Fixtures, { server: TestServer }>({
  browserIsThere: [
    async ({}, use, info) => {
      info.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);
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

export { expect };
