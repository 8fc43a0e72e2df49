// The browsers that soak.mjs knows: each starts, opens pages, and says how much memory their processes have.

import { readFileSync, readdirSync } from "node:fs";
import { chromium } from "@playwright/test";
import puppeteer from "puppeteer-core";
import { Stop, inRoot } from "./lib.mjs";
import { ensureFirefox } from "./setup.mjs";

/** Bytes of real memory. */
const resident = (id) => Number(readFileSync(`/proc/${id}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) * 1024;
const sum = (ids) => ids.reduce((all, id) => all + resident(id), 0);

/**
 * By name, functions that start one: `{ page, memory, close }`. `page()` opens an empty page of the driver's, and `memory(page)` resolves to
 * the bytes of the pages' processes in the system's eyes, without garbage where the browser can be told to collect it.
 */
export const browsers = {
  async chromium() {
    const { args } = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"))["goog:chromeOptions"];
    const browser = await chromium.launch({ executablePath: process.env.CHROME, args });
    return {
      page: () => browser.newPage(),
      async memory(page) {
        const client = await page.context().newCDPSession(page);
        await client.send("HeapProfiler.collectGarbage");
        await client.detach();
        const system = await browser.newBrowserCDPSession();
        const { processInfo } = await system.send("SystemInfo.getProcessInfo");
        await system.detach();
        return sum(processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id));
      },
      close: () => browser.close(),
    };
  },

  async firefox() {
    const { skipped } = await ensureFirefox();
    if (skipped) throw new Stop(skipped);
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: process.env.FIREFOX,
      protocolTimeout: 0,
      extraPrefsFirefox: {
        "network.proxy.type": 0, // the server is on this machine, whatever the environment says of proxies
        "browser.cache.disk.enable": false,
      },
    });
    return {
      page: () => browser.newPage(),
      memory: () => sum(contentProcesses(browser.process().pid)),
      close: () => browser.close(),
    };
  },
};

/** Firefox's processes that have pages in them. */
function contentProcesses(browser) {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const facts = ids.flatMap((id) => {
    try {
      const parent = readFileSync(`/proc/${id}/stat`, "utf8").match(/^.*\) . (\d+)/)?.[1];
      return [{ id, parent: Number(parent), command: readFileSync(`/proc/${id}/cmdline`, "utf8") }];
    } catch {
      return []; // it has just ended
    }
  });
  const children = (parent) => facts.filter((one) => one.parent === parent).flatMap((one) => [one, ...children(Number(one.id))]);
  return children(browser).filter(({ command }) => /[\0 ]tab[\0 ]*$/.test(command)).map(({ id }) => id);
}
