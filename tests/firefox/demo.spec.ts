/** The demo's core in Firefox. */

import { readFileSync } from "node:fs";
import { firstVisit, secondVisit } from "../browser/both/demo.ts";
import { golden, serveDemo } from "../browser/demo.ts";
import { test } from "./test.ts";

test("the demo: drawings are searched, a photo is added, and is there at the next visit", async ({ firefox }) => {
  const server = await serveDemo();
  const page = await firefox.newPage();
  try {
    await page.goto(server.url);
    await firstVisit(page as never, readFileSync(golden("images", "rgb-photo.png")));
    await page.reload();
    await secondVisit(page as never);
  } finally {
    await page.close();
    await server.close();
  }
});
