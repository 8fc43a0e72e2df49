/** The built demo in a real browser, from its static files, as a visitor uses it. */

import { existsSync, readFileSync } from "node:fs";
import { type BrowserContext, type Page, expect, test as base } from "@playwright/test";
import { CHROME } from "./chrome.ts";
import { FIRST, type Server, cells, draw, finding, golden, goTo, openDemo, records, search, searchField, serveDemo } from "./demo.ts";

// `npm test` stops without one; this is for Playwright by hand.
base.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);

/** Whatever the page complains about on the console fails the test. */
const test = base.extend<{ complaints: string[] }, { server: Server }>({
  server: [async ({}, use) => {
    const server = await serveDemo();
    await use(server);
    await server.close();
  }, { scope: "worker" }],
  complaints: [async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await use(complaints);
    expect(complaints).toEqual([]);
  }, { auto: true }],
});

test("a first visit finds drawings that are searched as one types", async ({ page, server }) => {
  await openDemo(page, server);
  await expect(cells(page).first().locator("canvas")).toHaveAttribute("data-state", "there");
  expect(await cells(page).count()).toBeLessThan(120); // of 352 only those on the screen
  for (const [words, kind] of [["red heart", /^(\w+-)?red-hearts?-/], ["a picture of a blue ring", /^(\w+-)?blue-rings?-/]] as const) {
    const names = await search(page, words);
    expect(names.length).toBeGreaterThanOrEqual(2);
    expect(names.slice(0, 2).filter((name) => !kind.test(name)), names.join()).toEqual([]);
  }
  await search(page, "a submarine", /^$/);
  await expect(page.getByRole("heading", { name: "Nothing here looks like that" })).toBeVisible();
  await page.getByRole("button", { name: "Show the nearest" }).click();
  await expect(cells(page)).not.toHaveCount(0);
  await page.getByRole("button", { name: "Clear the search" }).click();
  await expect(finding(page)).toHaveText("352 photos");
});

test("minus leaves out, and photos can be asked with", async ({ page, server }) => {
  await openDemo(page, server);
  const names = await search(page, "star −red");
  expect(names.slice(0, 10).filter((name) => name.includes("star") && !/(^|-)red-stars?-/.test(name)).length).toBeGreaterThanOrEqual(9);
  await search(page, "green heart");
  await cells(page).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "More like this" }).click();
  await expect(searchField(page)).toHaveValue("");
  await expect(finding(page)).toHaveText(/^352 photos, the nearest first/);
  await expect(cells(page).first()).toHaveAccessibleName(/green-heart/);
  await page.getByRole("button", { name: /^Like .*Press to turn/ }).click();
  await expect(cells(page).first()).not.toHaveAccessibleName(/green-heart/);
});

test("2,000 pictures: held-out captions find them, after a reload without a network too", async ({ page, server, context }) => {
  test.setTimeout(180_000);
  await openDemo(page, server);
  await draw(page, 2000 - FIRST);
  await expect(page.getByRole("heading", { name: "2,000 photos" })).toBeVisible({ timeout: 150_000 });
  await goTo(page, "Photos");
  await precise(page);
  await context.setOffline(true);
  await page.reload();
  await expect(finding(page)).toHaveText("2,000 photos", { timeout: 30_000 });
  await precise(page);
});

/** Captions that no drawing has: an opening, a synonym; the first ten of each are looked at. */
async function precise(page: Page): Promise<void> {
  const captions: [string, string][] = [["a picture of a red heart", "red-heart"], ["an image of a violet star", "purple-star"], ["a photo of a green disc", "green-circle"], ["this is a yellow donut", "yellow-ring"], ["a drawing of a blue box", "blue-square"], ["a white crescent", "white-moon"], ["a picture of an orange plus", "orange-cross"], ["a drawing of a pink triangle", "pink-triangle"]];
  let right = 0;
  for (const [caption, kind] of captions) {
    const names = (await search(page, caption)).slice(0, 10);
    const hits = names.filter((name) => [`${kind}-on-`, `${kind}s-on-`, `${kind}es-on-`].some((part) => name.includes(part))).length;
    right += hits;
  }
  expect(right / (10 * captions.length)).toBeGreaterThanOrEqual(0.9);
}

test("a page that is left midway goes on where it was, and nothing is there twice", async ({ page, server }) => {
  await openDemo(page, server);
  await draw(page, 200);
  await expect(page.locator("#index-bar")).toBeVisible();
  await expect.poll(async () => (await records(page))["photos"]).toBeGreaterThan(FIRST + 30);
  await page.reload();
  await expect(page.getByRole("heading", { name: "552 photos" })).toBeVisible({ timeout: 60_000 });
  await expect.poll(async () => (await records(page))["arrivals"]).toBe(0);
  expect(await records(page)).toMatchObject({ photos: 552, originals: 552, embeddings: 552, thumbnails: 0 });
});

/** A PNG that says it has 108 megapixels. */
function giant(): Buffer {
  const bytes = Buffer.from(readFileSync(golden("images", "rgb-20x13.png")));
  bytes.writeUInt32BE(12_000, 16);
  bytes.writeUInt32BE(9_000, 20);
  return bytes;
}

test("what can't be read is listed with its reason, and the same photo comes once", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Library");
  const photo = readFileSync(golden("images", "rgb-photo.png"));
  await page.locator("[data-purpose=files]").setInputFiles([
    { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a photo") },
    { name: "cut.png", mimeType: "image/png", buffer: photo.subarray(0, 3000) },
    { name: "giant.png", mimeType: "image/png", buffer: giant() },
    { name: "photo.png", mimeType: "image/png", buffer: photo },
    { name: "again.png", mimeType: "image/png", buffer: photo },
  ]);
  await expect(page.getByRole("heading", { name: "353 photos" })).toBeVisible({ timeout: 20_000 });
  const failures = page.getByRole("region", { name: "Could not be read" }).getByRole("listitem");
  await expect(failures).toHaveCount(3);
  await expect(failures.filter({ hasText: "notes.jpg" })).toContainText("This is not a photo that can be read here.");
  await expect(failures.filter({ hasText: "cut.png" })).toContainText("damaged or cut short");
  await expect(failures.filter({ hasText: "giant.png" })).toContainText("larger than 100 megapixels");
  await page.getByRole("button", { name: "Try all again" }).click();
  await expect(failures).toHaveCount(3, { timeout: 20_000 });
  await page.getByRole("button", { name: "Forget all" }).click();
  await expect(failures).toHaveCount(0);
  await expect.poll(async () => (await records(page))["arrivals"]).toBe(0);
});

/** Every request that the page, its workers and its service worker make. */
function watched(context: BrowserContext): { url: string; method: string; body: string | null }[] {
  const seen: { url: string; method: string; body: string | null }[] = [];
  context.on("request", (request) => seen.push({ url: request.url(), method: request.method(), body: request.postData() }));
  return seen;
}

test("nothing leaves the device", async ({ page, server, context }) => {
  const requests = watched(context);
  await openDemo(page, server);
  await goTo(page, "Library");
  await page.locator("[data-purpose=files]").setInputFiles([{ name: "secret.png", mimeType: "image/png", buffer: readFileSync(golden("images", "rgb-photo.png")) }]);
  await expect(page.getByRole("heading", { name: "353 photos" })).toBeVisible({ timeout: 20_000 });
  await goTo(page, "Photos");
  await search(page, "a private thing", /^$|in/);
  await expect(page.locator(".privacy")).toContainText("Nothing has left this device.");
  const own = new URL(server.url).origin;
  expect(requests.length).toBeGreaterThan(5);
  expect(requests.filter(({ url, method, body }) => (!url.startsWith("blob:") && new URL(url).origin !== own) || method !== "GET" || body !== null)).toEqual([]);
  expect(requests.filter(({ url }) => /secret|private/.test(url))).toEqual([]);
});

test("a server without headers: the service worker isolates the page, and there are threads", async ({ page }) => {
  const plain = await serveDemo(true);
  try {
    await page.goto(plain.url);
    await expect(finding(page)).toHaveText("352 photos", { timeout: 30_000 });
    await expect.poll(() => page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect((await search(page, "red heart")).length).toBeGreaterThan(2);
  } finally {
    await plain.close();
  }
});
