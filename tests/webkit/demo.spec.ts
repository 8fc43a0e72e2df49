/** The demo's core in WebKit. */

import { readFileSync } from "node:fs";
import { firstVisit, secondVisit } from "../browser/both/demo.ts";
import { golden, serveDemo } from "../browser/demo.ts";
import { test } from "./test.ts";

test("the demo: drawings are searched, a photo is added, and is there at the next visit", async ({ webkit }) => {
  const server = await serveDemo();
  try {
    const first = await webkit.window(server.url);
    await firstVisit(first, readFileSync(golden("images", "rgb-photo.png")));
    const second = await webkit.window(server.url);
    await secondVisit(second);
    await second.close();
    await first.close();
  } finally {
    await server.close();
  }
});
