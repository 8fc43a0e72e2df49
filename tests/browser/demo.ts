/** The built demo, as its tests use it. */

import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Locator, type Page, expect } from "@playwright/test";

export interface Server {
  url: string;
  close: () => Promise<void>;
}
type Serve = (folders: Record<string, string>, options?: { headers?: Record<string, string> }) => Promise<Server>;
const { serve } = (await import(new URL("../../scripts/serve.mjs", import.meta.url).href)) as { serve: Serve };

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const golden = (...parts: string[]): string => path.join(root, "tests", "golden", ...parts);

/** Serves the demo, in a folder as a file server would have it; without the headers for threads where `plain` is set. */
export const serveDemo = (plain = false, more: Record<string, string> = {}): Promise<Server> =>
  serve({ "/demo": path.join(root, "www", "dist"), "/golden": golden(), ...more }, plain ? { headers: {} } : {}).then((server) => ({ ...server, url: `${server.url}demo/` }));

/** Drawings that a first visit finds. */
export const FIRST = 352;

export const searchField = (page: Page): Locator => page.getByRole("searchbox", { name: "Search your photos" });
export const cells = (page: Page): Locator => page.locator(".grid li button");
export const finding = (page: Page): Locator => page.locator(".finding > p");

/** Opens the demo, and waits until its drawings can be searched. */
export async function openDemo(page: Page, server: Server, count = FIRST): Promise<void> {
  await page.goto(server.url);
  await expect(finding(page)).toHaveText(`${count.toLocaleString("en")} photos`, { timeout: 30_000 });
}

/** Types a query; the names of the photos that are shown first. */
export async function search(page: Page, words: string, shown = /in \d+ ms$/): Promise<string[]> {
  const before = await finding(page).textContent();
  await searchField(page).fill(words);
  // Two searches may well be told of in the same words: as many matches, in as many milliseconds.
  await expect(finding(page)).not.toHaveText(before ?? "", { timeout: 3000 }).catch(() => undefined);
  await expect(finding(page)).toHaveText(shown, { timeout: 20_000 });
  return cells(page).evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label") ?? ""));
}

export async function goTo(page: Page, view: string): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name: view, exact: true }).click();
}

/** Has the page draw pictures, which are embedded then. */
export async function draw(page: Page, count: number): Promise<void> {
  await goTo(page, "Library");
  await page.getByLabel("How many").fill(String(count));
  await page.getByRole("button", { name: "Draw pictures" }).click();
}

/** Numbers of records in the demo's database. */
export const records = (page: Page): Promise<Record<string, number>> =>
  page.evaluate(async () => {
    const of = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    const database = await of(indexedDB.open("clip-vision demo"));
    const names = Array.from(database.objectStoreNames);
    const transaction = database.transaction(names);
    const counts = await Promise.all(names.map(async (name) => [name, await of(transaction.objectStore(name).count())] as const));
    database.close();
    return Object.fromEntries(counts);
  });
