/** The demo's server and the browser tests': no request ends them, and none is answered from outside their folders. */

import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { serve } from "../../scripts/serve.mjs";
import { TestServer } from "../browser/server.ts";

/** Of a path as it stands: `fetch` would tidy it. */
const statusOf = (url: string, path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path }, (response) => resolve(response.resume().statusCode)).on("error", reject).end();
  });

const SERVERS: Record<string, { known: string; start: () => Promise<{ url: string; close: () => Promise<unknown> }> }> = {
  demo: { known: "/index.html", start: () => serve(fileURLToPath(new URL("../../www", import.meta.url)), { host: "localhost" }) },
  test: { known: "/golden/images.json", start: () => TestServer.start() },
};

for (const [name, { known, start }] of Object.entries(SERVERS)) {
  test(`the ${name} server outlives every path`, async () => {
    const server = await start();
    const folder = known.slice(0, known.lastIndexOf("/") + 1);
    try {
      const odd = ["//", "//nowhere/..", "/%00", `${folder}%00`, `${folder}${"a".repeat(5000)}`, `${folder}%`, `${folder}%ff`, "http://[", "*"];
      for (const path of odd) expect([path, await statusOf(server.url, path)]).toEqual([path, expect.toBeOneOf([200, 400, 404])]);
      for (const step of ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "x/../../"]) {
        for (const steps of [step, step.repeat(2), step.repeat(3)]) {
          expect([steps, await statusOf(server.url, `${folder}${steps}package.json`)]).toEqual([steps, 404]);
        }
      }
      expect(await statusOf(server.url, known)).toBe(200);
      expect(await statusOf(server.url, `${known}?query#part`)).toBe(200);
    } finally {
      await server.close();
    }
  });
}
