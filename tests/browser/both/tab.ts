/** What the tests of both browsers work with, whoever drives the browser: Playwright Chromium, puppeteer Firefox. */

import type { Served, Serving } from "../served.ts";
import type { TestServer } from "../server.ts";

/** The model that is loaded into every tab. */
export const MODEL = "odd-widths";

/** A page with the package in `clipVision` and the model in `clip`. */
export interface Tab {
  /** Runs a function in the page. */
  evaluate<Argument, Result>(work: (argument: Argument) => Result | Promise<Result>, argument?: Argument): Promise<Result>;
}

export interface Both extends Served, Serving {
  /** One of the server's pages. */
  tab: Tab;
  /** Opens a page of another server. */
  openTab: (server: TestServer) => Promise<Tab>;
}

/** `test` of either. */
export type Test = (title: string, body: (fixtures: Both) => Promise<void>) => void;

/** A driver's page as a {@link Tab}, with the model loaded. */
export async function tabOf(page: { evaluate(work: never, argument?: unknown): Promise<unknown> }): Promise<Tab> {
  const tab: Tab = { evaluate: (work, argument) => page.evaluate(work as never, argument) as Promise<never> };
  await tab.evaluate(async (model) => {
    globalThis.clip = await clipVision.ClipVision.load(`/golden/models/${model}`);
  }, MODEL);
  return tab;
}
