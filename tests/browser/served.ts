/** `test` with servers, whatever the browser. */

import { test as base } from "@playwright/test";
import { TestServer, type ServerOptions } from "./server.ts";

export interface Serving {
  /** Starts more servers, of other origins or with other policies. */
  serve: (options?: ServerOptions) => Promise<TestServer>;
}

export interface Served {
  /** Serves the page. */
  server: TestServer;
}

export const test = base.extend<Serving, Served>({
  server: [
    async ({}, use) => {
      const server = await TestServer.start();
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
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
