// The built demo in a real browser, from its static files, as a visitor uses it: mouse, keyboard, drop and paste.

import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Locator, type Page, type Route, expect, test } from "@playwright/test";
import { CHROME } from "./chrome.ts";
import { cosine, expected, imageFile } from "./golden.ts";

type Serve = (folders: Record<string, string>) => Promise<{ url: string; close: () => Promise<void> }>;
const { serve } = (await import(new URL("../../scripts/serve.mjs", import.meta.url).href)) as { serve: Serve };

const root = fileURLToPath(new URL("../../", import.meta.url));
const golden = (...parts: string[]): string => path.join(root, "tests", "golden", ...parts);

// `npm test` stops without one; this is for Playwright by hand.
test.skip(!existsSync(CHROME), `there is no browser at ${CHROME}`);

let server: Awaited<ReturnType<Serve>>;
test.beforeAll(async () => {
  server = await serve({ "/": path.join(root, "www", "dist"), "/golden": golden() });
});
test.afterAll(() => server.close());

/** The page as it is when the bundled model is ready; whatever it complains about on the console fails the test. */
let complaints: string[];
test.beforeEach(({ page }) => {
  complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});
test.afterEach(() => expect(complaints).toEqual([]));

const TIME = /^[\d.]+\sm?s$/;
const modelName = (page: Page): Locator => page.locator("#model-name");
const cards = (page: Page, state?: string): Locator => page.locator(state ? `.card[data-state="${state}"]` : ".card");
const chooser = (page: Page): Locator => page.locator("summary", { hasText: "Choose a model" });

async function open(page: Page, query = "", name = "Shapes"): Promise<void> {
  await page.goto(server.url + query);
  await expect(page.locator("#model-facts")).toBeVisible({ timeout: 20_000 });
  await expect(modelName(page)).toHaveText(name);
}

const addPhotos = (page: Page, ...files: string[]): Promise<void> =>
  page.locator("#photo-input").setInputFiles(files.map((file) => golden("images", file)));

test("starts with the bundled model, and says plainly what it is", async ({ page }) => {
  await open(page);
  await expect(page.locator("#model-badge")).toHaveText("drawings only");
  await expect(page.locator("#model-note")).toContainText("nothing of photographs");
  await expect(page.locator("#model-facts")).toContainText("96 values");
  await expect(page.locator("#similarity")).toBeHidden();
});

test("sample drawings become cards, embeddings and a matrix", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "Try sample drawings" }).click();
  await expect(cards(page, "done")).toHaveCount(8, { timeout: 20_000 });
  const first = cards(page).first();
  await expect(first.getByRole("img")).toHaveAttribute("aria-label", /^Embedding of 96 values, from −0\.\d{3} at position/);
  await expect(first.locator(".card-meta")).toHaveText(/^640\s×\s480 · [\d.]+\skB · 96\svalues · [\d.]+\sm?s$/);
  await expect(first.locator(".timings dd")).toHaveText([TIME, TIME, TIME]);
  await expect(first.locator(".thumbnail img")).toHaveJSProperty("naturalWidth", 480);
  expect(await drawnColors(first.locator("canvas"))).toBeGreaterThan(20);
  await expect(page.getByRole("table").getByRole("columnheader")).toHaveCount(8);
  await expect(page.getByRole("table").getByRole("rowheader")).toHaveCount(8);
  await expect(page.getByRole("status")).toHaveText("8 photos embedded.");
});

const drawnColors = (canvas: Locator): Promise<number> =>
  canvas.evaluate((element: HTMLCanvasElement) => {
    const { data } = (element.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, element.width, element.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });

test("a search puts the photos in order, and labels say what they show", async ({ page }) => {
  await open(page);
  await expect(page.locator("#words")).toBeHidden();
  await page.getByRole("button", { name: "Try sample drawings" }).click();
  await expect(cards(page, "done")).toHaveCount(8, { timeout: 20_000 });
  const search = page.getByLabel("Search the photos");
  const names = page.locator("#found .found-name");
  for (const [text, name] of [["a red heart", "red heart.jpg"], ["three yellow stars", "yellow stars.jpg"], ["a blue ring", "blue ring.jpg"]] as const) {
    await search.fill(text);
    await search.press("Enter");
    await expect(page.locator("#words-finding")).toHaveText(new RegExp(`^Nearest to “${text}” is “${name}”, at 0\\.\\d\\d\\.$`));
    await expect(names.first()).toHaveText(name);
    await expect(names).toHaveCount(8);
  }
  await page.getByLabel("Label the photos").fill("heart, circle, star, square, ring, moon, cross");
  await page.getByRole("button", { name: "Label", exact: true }).click();
  for (const name of await names.allTextContents()) {
    const row = page.locator("#found li", { hasText: name });
    const shape = name.replace(/^\w+ (cross|\w+?)s?\.jpg$/, "$1");
    await expect(row.locator(".found-label").first(), name).toHaveText(new RegExp(`^${shape} \\d+\\s%$`));
  }
  await search.fill("");
  await search.press("Enter");
  await expect(page.locator("#words-finding")).toBeHidden();
  await expect(names.first()).toHaveText("red heart.jpg"); // the labels stay, in the photos' own order
});

test("words that a model can't read are a sentence", async ({ page }) => {
  await open(page, "?model=/golden/models/odd-widths/", "odd-widths");
  await addPhotos(page, "rgb-20x13.png");
  await page.getByLabel("Search the photos").fill("a dog");
  await page.getByLabel("Search the photos").press("Enter");
  await expect(page.getByRole("alert")).toContainText("This model knows photos only");
});

test("the matrix has the similarities that transformers' embeddings have", async ({ page }) => {
  const names = ["rgb-photo.png", "rgb-noise.png", "rgb-500x375.png", "lossless.webp", "rgb.bmp"];
  await open(page, "?model=/golden/models/b32-tiny/", "b32-tiny");
  await addPhotos(page, ...names);
  await expect(cards(page, "done")).toHaveCount(names.length, { timeout: 20_000 });
  const python = expected("b32-tiny");
  await expect(page.getByRole("table").locator("tbody tr")).toHaveCount(names.length);
  const shown = await page.locator("#matrix tbody tr").evaluateAll((rows) =>
    rows.map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent.replace("−", "-")))),
  );
  names.forEach((first, i) => {
    names.forEach((second, j) => {
      const [a, b] = [python.embedding(first), python.embedding(second)];
      if (!a || !b) throw new Error(`no golden embedding of ${first} or ${second}`);
      expect(Math.abs((shown[i]?.[j] ?? NaN) - cosine(a, b)), `${first} and ${second}`).toBeLessThan(0.0051);
    });
  });
});

test("a file that is not a photo says so on its card, and the others are embedded", async ({ page }) => {
  await open(page);
  await page.locator("#photo-input").setInputFiles([
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("not a photo") },
    { name: "cut.png", mimeType: "image/png", buffer: imageFile("rgb-photo.png").subarray(0, 3000) },
    { name: "empty.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(0) },
    { name: "good.jpg", mimeType: "image/jpeg", buffer: imageFile("photo-420.jpg") },
  ]);
  await expect(cards(page, "failed")).toHaveCount(3, { timeout: 20_000 });
  await expect(cards(page, "done")).toHaveCount(1);
  const sentences = cards(page).locator(".card-complaint");
  await expect(sentences.nth(0)).toHaveText(/^This is not a photo that can be read here\./);
  await expect(sentences.nth(1)).toHaveText(/damaged or cut short/);
  await expect(sentences.nth(2)).toHaveText(/^This is not a photo/);
  await expect(cards(page).nth(0).locator("details")).toBeVisible();
  await expect(page.getByRole("status")).toHaveText("1 photo embedded, 3 could not be read.");
});

test("photos can be dropped and pasted", async ({ page }) => {
  await open(page);
  const give = (type: "drop" | "paste", name: string): Promise<void> =>
    page.evaluate(
      ([kind, fileName, content]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], fileName, { type: "image/png" }));
        const init = { bubbles: true, cancelable: true };
        const event =
          kind === "drop"
            ? new DragEvent("drop", { ...init, dataTransfer: transfer })
            : new ClipboardEvent("paste", { ...init, clipboardData: transfer });
        document.body.dispatchEvent(event);
      },
      [type, name, imageFile("rgb-20x13.png").toString("base64")] as const,
    );
  await give("drop", "dropped.png");
  await give("paste", "pasted.png");
  await expect(cards(page, "done")).toHaveCount(2, { timeout: 20_000 });
  await expect(page.locator(".card-name")).toHaveText(["dropped.png", "pasted.png"]);
});

test("cards are removed one by one and all at once", async ({ page }) => {
  await open(page);
  await addPhotos(page, "rgb-20x13.png", "rgb-31x29.png", "rgb-1x1.png");
  await expect(cards(page, "done")).toHaveCount(3, { timeout: 20_000 });
  await page.getByRole("button", { name: "Remove rgb-31x29.png" }).click();
  await expect(page.locator(".card-name")).toHaveText(["rgb-20x13.png", "rgb-1x1.png"]);
  await expect(page.getByRole("button", { name: "Remove rgb-1x1.png" })).toBeFocused();
  await page.getByRole("button", { name: "Remove rgb-1x1.png" }).click();
  await expect(page.locator("#similarity")).toBeHidden();
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(cards(page)).toHaveCount(0);
});

test("a batch shows its progress, can be canceled, and goes on where it was", async ({ page }) => {
  await open(page);
  const many = Array.from({ length: 40 }, (_, i) => ({
    name: `photo ${i}.png`,
    mimeType: "image/png",
    buffer: imageFile("rgb-500x375.png"),
  }));
  await page.locator("#photo-input").setInputFiles(many);
  await page.locator("#batch-cancel").click();
  await expect(page.locator("#batch-progress")).toBeHidden();
  const done = await cards(page, "done").count();
  expect(done).toBeLessThan(40);
  await expect(cards(page, "canceled")).toHaveCount(40 - done);
  await page.getByRole("button", { name: "Embed the rest" }).click();
  await expect(page.locator("#batch-text")).toHaveText(/^Embedding: \d+ of \d+$/);
  await expect(cards(page, "done")).toHaveCount(40, { timeout: 60_000 });
  await expect(page.locator("#batch-progress")).toBeHidden();
  await expect(page.getByRole("button", { name: "Embed the rest" })).toBeHidden();
});

test("a folder from disk is a model, and every photo is embedded again", async ({ page }) => {
  await open(page);
  await addPhotos(page, "rgb-20x13.png");
  await expect(cards(page, "done")).toHaveCount(1, { timeout: 20_000 });
  await page.locator("#folder-input").setInputFiles(golden("models", "odd-widths"));
  await expect(modelName(page)).toHaveText("odd-widths", { timeout: 20_000 });
  await expect(page.locator("#model-badge")).toBeHidden();
  await expect(page.locator("#model-facts")).toContainText("37 values");
  await expect(page.locator(".card-meta")).toContainText("37 values");
  await page.locator("#folder-input").setInputFiles(golden("images"));
  await expect(page.getByRole("alert")).toContainText("The folder “images” has no config.json.");
  await expect(modelName(page)).toHaveText("odd-widths");
});

/** Answers with a file of a golden model, or that there is none. */
const fulfill = (route: Route, model: string, name: string): Promise<void> => {
  const file = golden("models", model, name);
  return route.fulfill(existsSync(file) ? { path: file } : { status: 404 });
};

test("a model on a hub, from the page's address and from the form", async ({ page }) => {
  const asked: string[] = [];
  await page.route(/\/hub\/\w+\/clip\/resolve\//, async (route) => {
    const url = new URL(route.request().url());
    asked.push(url.pathname);
    await fulfill(route, "patch14-gelu", path.basename(url.pathname));
  });
  await open(page, "?model=some/clip@refs/pr/1&hub=/hub/", "some/clip");
  expect(asked).toContain("/hub/some/clip/resolve/refs%2Fpr%2F1/model.safetensors");
  await chooser(page).click();
  await page.getByLabel("From the Hugging Face Hub").fill("other/clip");
  await page.getByLabel("From the Hugging Face Hub").press("Enter");
  await expect(modelName(page)).toHaveText("other/clip");
  expect(asked).toContain("/hub/other/clip/resolve/main/config.json");
});

test("a link that names another server is asked about first", async ({ page }) => {
  const asked: string[] = [];
  await page.route("https://hub.example/**", async (route) => {
    asked.push(route.request().url());
    const file = golden("models", "patch14-gelu", path.basename(new URL(route.request().url()).pathname));
    const headers = { "Access-Control-Allow-Origin": "*" };
    await route.fulfill(existsSync(file) ? { path: file, headers } : { status: 404, headers });
  });
  const dialog = page.getByRole("dialog");
  for (const [button, name] of [["Use the bundled model", "Shapes"], ["Load it", "some/clip"]] as const) {
    await page.goto(`${server.url}?model=some/clip&hub=https://hub.example/`);
    await expect(dialog).toContainText("hub.example");
    expect(asked).toEqual([]);
    await dialog.getByRole("button", { name: button }).click();
    await expect(modelName(page)).toHaveText(name);
  }
  expect(asked).not.toEqual([]);
  complaints = complaints.filter((text) => !/404/.test(text)); // the browser's own line on a file that there may be
});

test("a model that isn't there is a sentence, and the one in use stays", async ({ page }) => {
  await open(page);
  await chooser(page).click();
  const field = page.getByLabel("From the Hugging Face Hub");
  await field.fill("/golden/models/none");
  await field.press("Enter");
  await expect(page.getByRole("alert")).toContainText("“none” could not be downloaded.");
  await expect(modelName(page)).toHaveText("Shapes");
  await field.fill("clip");
  await field.press("Enter");
  await expect(page.getByRole("alert")).toContainText("“clip” is neither a model's name");
  complaints = complaints.filter((text) => !/404/.test(text)); // the browser's own line on a failed request
});

test("a download shows its progress and can be canceled", async ({ page }) => {
  await page.route("**/slow/**", async (route) => {
    const name = path.basename(new URL(route.request().url()).pathname);
    if (name !== "model.safetensors") await fulfill(route, "b32-tiny", name);
    // and the weights never come
  });
  await open(page);
  await chooser(page).click();
  await page.getByLabel("From the Hugging Face Hub").fill("/slow/");
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await expect(page.locator("#load-text")).toContainText("slow: loading");
  await page.locator("#load-cancel").click();
  await expect(page.locator("#load-progress")).toBeHidden();
  await expect(page.getByRole("alert")).toBeHidden();
  await expect(modelName(page)).toHaveText("Shapes");
  await page.getByRole("button", { name: "Try sample drawings" }).click();
  await expect(cards(page, "done")).toHaveCount(8, { timeout: 20_000 });
});

test("the keyboard reaches everything", async ({ page }) => {
  await open(page);
  await page.keyboard.press("Tab");
  await expect(chooser(page)).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(page.getByLabel("From the Hugging Face Hub")).toBeFocused();
  for (const name of ["Load", "Choose a folder", "Use the bundled model", /^Drop, paste or choose photos/, "Try sample drawings"]) {
    await page.keyboard.press("Tab");
    await expect(page.getByRole("button", { name, exact: true })).toBeFocused();
  }
  await page.keyboard.press("Enter");
  await expect(cards(page, "done")).toHaveCount(8, { timeout: 20_000 });
  await page.locator("#matrix-scroll").focus();
  await expect(page.getByRole("region", { name: "Similarity of every pair" }).last()).toBeFocused();
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`on a phone, ${colorScheme}: nothing sticks out, every number can be read`, async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme });
    await open(page);
    await addPhotos(page, "rgb-photo.png", "rgb-noise.png", "rgb-500x375.png", "photo-420.jpg", "gray.png", "rgb-3x500.png", "photo-cmyk.jpg");
    await expect(cards(page, "done")).toHaveCount(7, { timeout: 20_000 });
    await expect(page.locator("#matrix tbody tr")).toHaveCount(7);
    await chooser(page).click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(await worstContrast(page)).toBeGreaterThanOrEqual(4.5);
  });
}

/** The lowest contrast of text and background among the matrix' cells, by WCAG's formula, as painted. */
const worstContrast = (page: Page): Promise<number> =>
  page.locator("#matrix tbody td").evaluateAll((cells) => {
    const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
    const luminance = (...layers: string[]): number => {
      for (const color of layers) {
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
      }
      const [r = 0, g = 0, b = 0] = [...context.getImageData(0, 0, 1, 1).data].map((byte) => {
        const value = byte / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const surface = getComputedStyle(document.querySelector("#similarity") as Element).backgroundColor;
    return Math.min(
      ...cells.map((cell) => {
        const { color, backgroundColor } = getComputedStyle(cell);
        const [a, b] = [luminance(surface, backgroundColor, color), luminance(surface, backgroundColor)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }),
    );
  });
