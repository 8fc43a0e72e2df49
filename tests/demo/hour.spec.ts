/** An hour of use, without the pauses: memory stays where it was. HOUR_STEPS names another number of steps. */

import { readFileSync, readdirSync } from "node:fs";
import { type CDPSession, type Page, expect, test } from "@playwright/test";
import { type Server, cells, goTo, openDemo, searchField, serveDemo } from "../browser/demo.ts";

/** What somebody does in an hour who does something every three seconds. */
const STEPS = Number(process.env["HOUR_STEPS"] ?? 1200);
const VIEWS = ["Photos", "Library", "Labels", "Map", "Look inside", "Models", "Settings", "Photos"];
const WORDS = ["red heart", "blue ring", "yellow star -striped", "white moon", "three green squares", "a submarine", "circle", "pink cross"];

let server: Server;
test.beforeAll(async () => {
  server = await serveDemo();
});
test.afterAll(() => server.close());

/** The page's heap after a collection, and the memory of all of the browser's processes, in MB. */
async function memoryOf(client: CDPSession): Promise<{ heap: number; processes: number }> {
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  return { heap: usedSize / 1e6, processes: residentOf(process.pid) / 1e6 };
}

/** Bytes of the processes below this one that are called chromium, without what they share. */
function residentOf(root: number): number {
  const parents = new Map<number, number>();
  const sizes = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
      if (/^Name:\s+chrom/m.test(status)) sizes.set(Number(name), 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // it has ended meanwhile
    }
  }
  const below = (pid: number): boolean => pid === root || (parents.has(pid) && below(parents.get(pid) as number));
  return [...sizes].reduce((sum, [pid, size]) => sum + (below(pid) ? size : 0), 0);
}

async function step(page: Page, i: number): Promise<void> {
  const view = VIEWS[Math.floor(i / 10) % VIEWS.length] as string;
  if (i % 10 === 0) await goTo(page, view);
  if (view !== "Photos") return page.waitForTimeout(60);
  if (i % 2 === 0) await searchField(page).fill(WORDS[i % WORDS.length] as string);
  else await page.mouse.wheel(0, 900);
  await page.waitForTimeout(120);
  if (i % 10 !== 5 || (await cells(page).count()) === 0) return;
  await cells(page).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Next photo" }).click();
  await page.keyboard.press("Escape");
}

test("memory is flat over an hour of use", async ({ page }) => {
  await openDemo(page, server);
  const client = await page.context().newCDPSession(page);
  const seen: { heap: number; processes: number }[] = [];
  for (let i = 0; i < STEPS; i += 1) {
    await step(page, i);
    if (i % 80 === 79) {
      seen.push(await memoryOf(client));
      console.log(`after ${i + 1} steps: heap ${seen.at(-1)!.heap.toFixed(1)} MB, processes ${seen.at(-1)!.processes.toFixed(0)} MB`);
    }
  }
  const [settled, last] = [seen[Math.floor(seen.length / 3)]!, seen.at(-1)!];
  expect(last.heap).toBeLessThan(settled.heap * 1.1 + 2);
  expect(last.processes).toBeLessThan(settled.processes * 1.15);
});
