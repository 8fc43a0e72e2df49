// node scripts/drawings.mjs: writes www/public/drawings.clip-vision, the embeddings of the drawings that a first visit to the demo
// finds there, as the built demo makes them in Chromium (npm run build first). After a change of www/src/drawings or models/shapes.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { chromium } from "@playwright/test";
import { demoDist } from "./build.mjs";
import { dist, inRoot } from "./lib.mjs";
import { serve } from "./serve.mjs";

const NAME = "drawings.clip-vision";
const { Embeddings } = await import(new URL(`file://${dist}/node/search.js`).href);
rmSync(`${demoDist}/${NAME}`, { force: true }); // without it the page embeds them itself
const webdriver = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"));
const server = await serve(demoDist);
const browser = await chromium.launch({ executablePath: process.env.CHROME ?? "/usr/bin/chromium", args: webdriver["goog:chromeOptions"].args });
try {
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.getByText("352 photos").first().waitFor({ timeout: 120_000 });
  await page.locator("#index-bar").waitFor({ state: "detached" });
  const rows = await page.evaluate(readRows);
  const embeddings = new Embeddings({ precision: "int8", model: "models/shapes" });
  rows.sort(([a], [b]) => a - b);
  await embeddings.addMany(rows.map(([index]) => index), rows.map(([, row]) => Float32Array.from(row)));
  writeFileSync(inRoot("www", "public", NAME), new Uint8Array(await (await embeddings.toBlob()).arrayBuffer()));
  console.log(`${rows.length} embeddings in www/public/${NAME}`);
  embeddings.close();
} finally {
  await browser.close();
  await server.close();
}

/** In the page: the number and the embedding of each drawing, from its database. */
async function readRows() {
  const of = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  const database = await of(indexedDB.open("clip-vision demo"));
  const transaction = database.transaction(["photos", "embeddings"]);
  const photos = await of(transaction.objectStore("photos").getAll());
  return Promise.all(photos.map(async ({ seq, hash }) => {
    const row = await of(database.transaction("embeddings").objectStore("embeddings").get(["shapes", seq]));
    return [Number(hash.replace("drawn ", "")), [...row]];
  }));
}
