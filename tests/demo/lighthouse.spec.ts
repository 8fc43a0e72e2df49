/** What Lighthouse says of the demo's first visit, on a phone (its slow network, a fourth of this processor) and at a desk. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, expect, test } from "@playwright/test";
import { root, serveDemo } from "../browser/demo.ts";

interface Report {
  lhr: { categories: Record<string, { score: number }> };
}
type Lighthouse = (url: string, flags: object, config?: object) => Promise<Report>;

const folder = path.join(root, "target", "lighthouse", "node_modules", "lighthouse");
const { main } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as { main: string };
const { default: lighthouse, desktopConfig } = (await import(pathToFileURL(path.join(folder, main)).href)) as { default: Lighthouse; desktopConfig: object };

const CATEGORIES = ["performance", "accessibility", "best-practices"];
const ROUNDS = 5;
const PORT = 9333;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

for (const [where, config] of [["a phone", undefined], ["a desk", desktopConfig]] as const) {
  test(`Lighthouse, on ${where}`, async ({}, { project }) => {
    const server = await serveDemo();
    const rounds: Record<string, number[]> = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      const { launchOptions } = project.use;
      const browser = await chromium.launch({ ...launchOptions, args: [...(launchOptions?.args ?? []), `--remote-debugging-port=${PORT}`] });
      const { lhr } = await lighthouse(server.url, { port: PORT, logLevel: "error", onlyCategories: CATEGORIES }, config);
      for (const name of CATEGORIES) (rounds[name] ??= []).push(Math.round((lhr.categories[name]?.score ?? 0) * 100));
      await browser.close();
    }
    await server.close();
    console.log(`Lighthouse on ${where}, ${ROUNDS} first visits: ${CATEGORIES.map((name) => `${name} ${rounds[name]?.join(", ")}`).join("; ")}`);
    for (const name of CATEGORIES) expect(median(rounds[name] ?? []), name).toBeGreaterThanOrEqual(95);
  });
}
