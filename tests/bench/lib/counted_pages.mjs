// A Chromium whose pages come from a counting server, with the benchmark's models in a hub's repositories.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { dist, inRoot } from "../../../scripts/lib.mjs";
import { modelsFolder } from "../setup/models.mjs";
import { peersFolder } from "../setup/peers.mjs";
import { countingServer } from "./counting_server.mjs";

/** A repository: what a model's folder has of the names, each as it is or as `[name, file in the folder]`. */
export const repository = (model, names) =>
  Object.fromEntries(names.map((name) => (Array.isArray(name) ? name : [name, name])).map(([name, file]) => [name, path.join(modelsFolder, model, file)]));

/**
 * `{ server, visitor, open, close }`: `visitor(work)` calls `work` with a browser that nobody has used, whose cache is on disk as everybody's
 * is, and `open(context, name)` opens one of page/'s documents in it and waits for what that puts into `globalThis` by the same name.
 */
export async function countedPages(chrome, repositories) {
  const { chromium } = await import("@playwright/test");
  const mounts = {
    "/": inRoot("tests", "bench", "page"),
    "/dist/": dist,
    "/peers/": peersFolder,
    "/photos/": path.join(modelsFolder, "pictures", "photos"),
  };
  const server = await countingServer(mounts, repositories);
  const { args } = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"))["goog:chromeOptions"];
  return {
    server,
    async visitor(work) {
      const profile = mkdtempSync(path.join(tmpdir(), "clip-vision-bench-"));
      const context = await chromium.launchPersistentContext(profile, { executablePath: chrome, args });
      try {
        return await work(context);
      } finally {
        await context.close();
        rmSync(profile, { recursive: true, force: true });
      }
    },
    async open(context, name) {
      const page = await context.newPage();
      page.setDefaultTimeout(600_000);
      await page.goto(`${server.url}${name}.html`);
      await page.waitForFunction((name) => name in globalThis, name);
      return page;
    },
    close: () => server.close(),
  };
}

/** Requests of all kinds. */
export const requests = (counted) => Object.values(counted).reduce((sum, { requests }) => sum + requests, 0);

/** Bytes of a kind, or of all. */
export const bytes = (counted, kind) =>
  kind === undefined ? Object.values(counted).reduce((sum, { bytes }) => sum + bytes, 0) : (counted[kind]?.bytes ?? 0);
