/** The built demo in a real browser, from its static files, as a visitor uses it. */

import { existsSync, readFileSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { type BrowserContext, type Download, type Locator, type Page, expect, test as base } from "@playwright/test";
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

test("a search that is cleared before its answer comes shows everything", async ({ page, server }) => {
  await openDemo(page, server);
  await page.evaluate(async () => {
    const field = document.querySelector("#query") as HTMLInputElement;
    for (const words of ["a purple moon", ""]) {
      field.value = words;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((resolve) => setTimeout(resolve)); // the question is under way
    }
  });
  await page.waitForTimeout(1500); // the answer would have come
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

test("after a pause all goes on, also what was about to be computed", async ({ page, server }) => {
  await openDemo(page, server);
  await draw(page, 200);
  await expect.poll(async () => (await records(page))["photos"]).toBeGreaterThan(FIRST + 20);
  await page.locator("#main").getByRole("button", { name: "Pause" }).click();
  await page.locator("#main").getByRole("button", { name: "Go on" }).click();
  await expect.poll(async () => (await records(page))["embeddings"], { timeout: 30_000 }).toBe(FIRST + 200);
  await expect(page.getByText("Everything is searchable")).toBeVisible();
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

test("what a page shows is accessible in every view, light and dark, in three languages", async ({ page, server }) => {
  test.setTimeout(120_000);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await openDemo(page, server);
  const all = ["search", "library", "labels", "map", "live", "inside", "models", "settings"];
  for (const [language, scheme, views] of [["English", "light", all], ["English", "dark", all], ["Deutsch", "light", ["library"]], ["Español", "dark", ["models"]]] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${server.url}#/settings`);
    await page.getByRole("combobox", { name: /Language|Sprache|Idioma/ }).selectOption({ label: language });
    for (const view of views) {
      await page.goto(`${server.url}#/${view}`);
      await expect(page.locator(`.view-${view}`)).toBeVisible();
      if (view === "labels") await expect(page.locator(".tile canvas[data-state=there]").first()).toBeVisible();
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${language} ${view}: ${id} ${nodes[0]?.html}`)).toEqual([]);
    }
  }
});

test("the opened photo and a search without results are accessible, on a phone too", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openDemo(page, server);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await cells(page).first().click();
  await expect(page.getByRole("dialog").getByRole("img")).toBeVisible();
  await page.getByRole("button", { name: "Search by a part" }).click();
  expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`)).toEqual([]);
  await page.getByRole("button", { name: "Search by this part" }).click();
  await expect(finding(page)).toHaveText(/the nearest first/);
  await search(page, "a submarine", /^$|in/);
  expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`)).toEqual([]);
});

test("the keyboard moves through photos, opens one, and closes it", async ({ page, server }) => {
  await openDemo(page, server);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await cells(page).first().focus();
  for (const key of ["ArrowRight", "ArrowDown", "End"]) await page.keyboard.press(key);
  await expect(page.locator("[data-index='351']")).toBeFocused();
  await page.keyboard.press("Home");
  await expect(page.locator("[data-index='0']")).toBeFocused();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  const title = await dialog.getByRole("heading").textContent();
  await page.keyboard.press("ArrowRight");
  await expect(dialog.getByRole("heading")).not.toHaveText(title ?? "");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});

test("labels are edited, and each photo has the one that fits", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Labels");
  await page.getByRole("button", { name: "Remove the label moon" }).click();
  await page.getByRole("textbox", { name: "Add labels" }).fill("crescent, star");
  await page.getByRole("button", { name: "Add labels" }).click();
  await expect(page.locator(".tile strong")).toHaveText(["circle", "square", "triangle", "star", "heart", "cross", "ring", "crescent"]);
  await page.locator(".tile").filter({ hasText: "crescent" }).getByRole("button").first().click();
  await expect(page.getByRole("heading", { name: "crescent" })).toBeVisible();
  const names = await cells(page).evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label") ?? ""));
  expect(names.filter((name) => /moons?-on/.test(name)).length / names.length).toBeGreaterThanOrEqual(0.9);
});

test("the map shows the library, and a click opens a photo", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Map");
  const map = page.getByRole("application", { name: /Map of the library/ });
  await expect(map).toBeVisible({ timeout: 30_000 });
  await map.focus();
  await page.keyboard.press("+");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog").getByRole("heading")).toHaveText(/-on-/);
});

test("inside: the stages, what matters for words, both precisions", async ({ page, server }) => {
  await openDemo(page, server);
  await search(page, "green heart");
  await cells(page).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Look inside" }).click();
  await expect(page.getByText("64 × 64 pixels")).toBeVisible({ timeout: 20_000 });
  await expect(page.locator(".figures").first()).toContainText(/Decode.*ms.*Preprocess.*ms.*Forward.*ms/s);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  const lit = page.getByRole("img", { name: /^Parts of the photo that matter/ });
  await expect(lit).toHaveAttribute("aria-busy", "false", { timeout: 30_000 });
  expect((await brightness(lit)) / (await brightness(page.locator(".pixels")))).toBeGreaterThan(1.2);
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page.locator(".compared")).toHaveCount(3, { timeout: 30_000 });
  await expect(page.locator(".compared").nth(1)).toContainText(/cosine (1\.0000|0\.99\d\d)/);
  await expect(page.locator(".compared").last()).toContainText("this browser offers none for this device");
});

/** How much brighter the middle, where the drawing is, has stayed than the border. */
const brightness = (canvas: Locator): Promise<number> =>
  canvas.evaluate((element: HTMLCanvasElement) => {
    const { data, width, height } = (element.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, element.width, element.height);
    const sums = { middle: [0, 0], border: [0, 0] } as Record<string, [number, number]>;
    for (let i = 0; i < width * height; i += 1) {
      const [x, y] = [Math.abs((i % width) / width - 0.5), Math.abs(Math.floor(i / width) / height - 0.5)];
      const sum = sums[Math.max(x, y) < 0.25 ? "middle" : "border"]!;
      sum[0] += data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!;
      sum[1] += 1;
    }
    return sums["middle"]![0] / sums["middle"]![1] / (sums["border"]![0] / sums["border"]![1]);
  });

test("a GPU that is not there is a sentence, and the processor stays; of an earlier visit, it is done without", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Settings");
  const device = page.getByLabel("What computes");
  await device.selectOption("webgpu");
  await expect(page.getByRole("alert")).toContainText("No GPU computes here (no-adapter)");
  await expect(device).toHaveValue("auto");
  await goTo(page, "Photos");
  expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
  await page.evaluate(() => localStorage.setItem("clip-vision demo", JSON.stringify({ device: "webgpu" })));
  await page.reload();
  await expect(finding(page)).toHaveText("352 photos", { timeout: 30_000 });
  expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
  await goTo(page, "Look inside");
  await expect(page.locator(".figures.wide")).toContainText(/Device\s*the processor.*GPU\s*this browser offers none/);
});

test("the camera is asked about frame by frame", async ({ playwright, server }) => {
  const browser = await playwright.chromium.launch({
    executablePath: CHROME,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}#/live`);
    await page.getByRole("button", { name: "Start the camera" }).click();
    await expect(page.getByTestId("rate")).toHaveText(/^\d+ frames a second, \d+ ms each$/, { timeout: 30_000 });
    await expect(page.locator(".bars meter")).toHaveCount(6);
    await page.getByRole("button", { name: "Stop" }).click();
    await expect(page.locator("video")).toBeHidden();
  } finally {
    await browser.close();
  }
});

test("a camera that is allowed after its view was left is let go of", async ({ page, server }) => {
  await openDemo(page, server);
  await page.evaluate(() => {
    const stream = document.createElement("canvas").captureStream();
    const asked = new Promise<MediaStream>((resolve) => Object.assign(window, { allow: () => resolve(stream) }));
    Object.assign(window, { stream });
    Object.defineProperty(navigator.mediaDevices, "getUserMedia", { value: () => asked });
  });
  await goTo(page, "Live");
  await page.getByRole("button", { name: "Start the camera" }).click();
  await goTo(page, "Labels");
  await expect(page.getByRole("heading", { name: "Labels" })).toBeVisible();
  await page.evaluate(() => (window as unknown as { allow: () => void }).allow());
  await expect.poll(() => page.evaluate(() => (window as unknown as { stream: MediaStream }).stream.active)).toBe(false);
});

test("what computes is changed while photos are embedded, and none is missing from the search", async ({ page, server }) => {
  await openDemo(page, server);
  await draw(page, 120);
  await expect.poll(async () => (await records(page))["photos"]).toBeGreaterThan(FIRST + 20);
  await goTo(page, "Settings");
  await page.getByLabel("What computes").selectOption("auto");
  await expect(page.getByLabel("What computes")).toHaveValue("auto", { timeout: 30_000 });
  await expect.poll(async () => (await records(page))["embeddings"], { timeout: 60_000 }).toBe(FIRST + 120);
  await goTo(page, "Photos");
  await search(page, "star −red", /^472 photos, the nearest first/);
});

test("another model embeds the library again, by itself; the first comes back with what it knows", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Models");
  await expect(page.locator(".badge", { hasText: "Recommended" })).toHaveCount(1);
  await page.getByRole("textbox", { name: "Name or address" }).fill("/golden/models/b32-tiny/");
  await page.getByRole("textbox", { name: "Name or address" }).press("Enter");
  await expect.poll(async () => (await records(page))["embeddings"], { timeout: 60_000 }).toBe(2 * FIRST);
  await page.getByRole("button", { name: "Use Shapes" }).click();
  await expect(page.locator(".badge", { hasText: "In use" })).toBeVisible({ timeout: 20_000 });
  await goTo(page, "Photos");
  expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
});

test("a model that isn't there is a sentence, and the one in use stays", async ({ page, server, complaints }) => {
  await openDemo(page, server);
  await goTo(page, "Models");
  await page.getByRole("textbox", { name: "Name or address" }).fill("/golden/models/none/");
  await page.getByRole("textbox", { name: "Name or address" }).press("Enter");
  await expect(page.getByRole("alert").first()).toContainText("The model could not be loaded");
  await goTo(page, "Photos");
  expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !/404/.test(text))); // the browser's own line
});

test("near duplicates come in groups, and the best is kept", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Library");
  const photo = readFileSync(golden("images", "photo-420.jpg"));
  const copies = [0, 1, 2].map((i) => ({ name: `copy ${i}.jpg`, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.alloc(10 * i)]) })); // zeros after its end
  await page.locator("[data-purpose=files]").setInputFiles(copies);
  await expect(page.getByRole("heading", { name: "355 photos" })).toBeVisible({ timeout: 20_000 });
  const panel = page.getByRole("region", { name: "Near duplicates" });
  await panel.getByRole("slider").fill("0.995");
  await panel.getByRole("button", { name: "Find" }).click();
  const group = panel.getByRole("listitem").filter({ has: page.getByRole("button", { name: "copy 0.jpg" }) });
  await expect(group.locator(".strip button")).toHaveCount(3);
  await expect(group.locator("[data-best]")).toHaveAccessibleName("copy 2.jpg"); // the largest file
  await panel.getByRole("checkbox").check();
  await goTo(page, "Photos");
  await expect(cells(page).first()).toHaveAccessibleName("copy 2.jpg");
  await expect(cells(page).nth(1)).not.toHaveAccessibleName(/^copy/);
  await goTo(page, "Library");
  await group.getByRole("button", { name: "Keep the best" }).click();
  await expect(page.getByRole("heading", { name: "353 photos" })).toBeVisible();
});

test("a link shares a query", async ({ page, server }) => {
  await page.goto(`${server.url}#/search?q=${encodeURIComponent("blue ring")}`);
  await expect(searchField(page)).toHaveValue("blue ring");
  await expect(cells(page).first()).toHaveAccessibleName(/blue-rings?-/, { timeout: 20_000 });
});

test("a view whose code can't be had says so, and the rest goes on", async ({ page, server, complaints }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, "serviceWorker")); // it would have the code
  await page.route("**/assets/settings-*.js", (route) => route.abort());
  await openDemo(page, server);
  await goTo(page, "Settings");
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  await goTo(page, "Photos");
  await search(page, "red star");
  // The view asks for its code again, which must have failed before the code can be had.
  await Promise.all([page.waitForEvent("requestfailed", (request) => request.url().includes("/settings-")), goTo(page, "Settings")]);
  await page.unroute("**/assets/settings-*.js");
  await page.getByRole("button", { name: "Reload the page" }).click();
  await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !/ERR_FAILED/.test(text))); // the browser's own lines
});

test("a browser that keeps nothing says so", async ({ page, server }) => {
  await page.route("**/assets/worker-*.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `Object.defineProperty(self, "indexedDB", { value: { open() { throw new DOMException("not here", "SecurityError"); } } });${await response.text()}` });
  });
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, "serviceWorker"));
  await page.goto(server.url);
  await expect(page.getByRole("alert").first()).toContainText("keeps nothing for this page");
  await page.unrouteAll({ behavior: "ignoreErrors" });
});

test("a full disk stops the work with a sentence, and what was there stays", async ({ page, server }) => {
  const client = await page.context().newCDPSession(page);
  const { origin } = new URL(server.url);
  await client.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 12e6 }); // from the start: Chromium remembers what is left
  await openDemo(page, server);
  await goTo(page, "Library");
  const photo = readFileSync(golden("images", "photo-640x427.jpg"));
  const files = Array.from({ length: 6 }, (_, i) => ({ name: `photo ${i}.jpg`, mimeType: "image/jpeg", buffer: Buffer.concat([photo, Buffer.alloc(2_500_000, i)]) }));
  await page.locator("[data-purpose=files]").setInputFiles(files);
  await expect(page.getByRole("alert").filter({ hasText: "There is no room left" })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole("region", { name: "Could not be read" })).toContainText("There was no room on this device.");
  const { photos, embeddings, copies } = await records(page);
  expect(embeddings).toBe(photos);
  expect(copies).toBeLessThan(6);
  await goTo(page, "Photos");
  expect((await search(page, "red heart"))[0]).toMatch(/red-heart/);
});

test("the collection goes out and comes back, for NumPy with its names", async ({ page, server, browser }, info) => {
  await openDemo(page, server);
  await goTo(page, "Library");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Our own file" }).click()]);
  const file = info.outputPath("photos.clip-vision");
  await download.saveAs(file);
  const { Embeddings } = (await import(new URL("../../dist/node/search.js", import.meta.url).href)) as typeof import("clip-vision/search");
  const rows = await Embeddings.load<string>(new Blob([readFileSync(file)]));
  expect([rows.size, rows.dimension, rows.model]).toEqual([FIRST, 96, "shapes"]);
  expect(rows.ids().some((id) => id.startsWith("red-heart-on-"))).toBe(true);
  rows.close();
  const downloads: Download[] = [];
  page.on("download", (one) => downloads.push(one));
  await page.getByRole("button", { name: "NumPy" }).click();
  await expect.poll(() => downloads.map((one) => one.suggestedFilename()).sort()).toEqual(["photos.npy", "photos.npy.names.json"]);
  const contents = await Promise.all(downloads.map(async (one) => [one.suggestedFilename(), readFileSync(await one.path())] as const));
  const { "photos.npy": matrix, "photos.npy.names.json": names } = Object.fromEntries(contents);
  expect(matrix!.toString("latin1", 0, 128)).toContain(`'shape': (${FIRST}, 96)`);
  expect(JSON.parse(names!.toString())).toHaveLength(FIRST);
  const other = await (await browser.newContext()).newPage();
  await openDemo(other, server);
  await goTo(other, "Library");
  await other.locator("[data-purpose=collection]").setInputFiles(file);
  await expect(other.getByRole("heading", { name: "704 photos" })).toBeVisible({ timeout: 20_000 });
  await other.context().close();
});

test("an index of the command line opens, and of another model only on request", async ({ page, server }) => {
  await openDemo(page, server);
  await goTo(page, "Library");
  const input = page.locator("[data-purpose=collection]");
  await input.setInputFiles(golden("search", "native", "photos.clip-vision"));
  await expect(page.getByRole("heading", { name: "400 photos" })).toBeVisible({ timeout: 20_000 });
  await input.setInputFiles(golden("search", "native", "photos.clip-vision"));
  await expect(page.locator("#main").getByText("0 photos added")).toBeVisible();
  await input.setInputFiles(golden("search", "ours.clip-vision"));
  await expect(page.locator("#main").getByText(/of another size|made by|could not be opened/)).toBeVisible();
  await goTo(page, "Photos");
  const found = JSON.parse(readFileSync(golden("search", "native", "found.json"), "utf8")) as { found: { id: string }[] }[];
  const known = found.flatMap((query) => query.found.map(({ id }) => id.split("/").at(-1)));
  const names = await cells(page).evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label")));
  expect(names.filter((name) => known.includes(name ?? "")).length).toBeGreaterThan(5);
});
