/** The demo's core, as any browser has to have it: drawings that are searched, a photo that is taken in and stays. */

import { expect } from "@playwright/test";

/** A page at the demo. */
export interface DemoTab {
  evaluate<Argument, Result>(work: (argument: Argument) => Result | Promise<Result>, argument?: Argument): Promise<Result>;
}

/** Waits until a function of the page's gives something. What it may take: a first start on a machine that does other things. */
const PATIENCE = 60_000;

interface Seen {
  finding: string;
  names: string[];
}

/** Types words, and waits for what the page says of them to change; the names of the photos that come first. */
export const searchIn = (tab: DemoTab, words: string): Promise<Seen> =>
  tab.evaluate(async ({ words, patience }) => {
    const text = (selector: string): string => document.querySelector(selector)?.textContent ?? "";
    const until = Date.now() + patience;
    const wait = async (ready: () => boolean): Promise<void> => {
      while (!ready()) {
        if (Date.now() > until) throw new Error(`the page says “${text(".finding > p")}” and “${text(".status")}”`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    };
    await wait(() => /^\d+ (photos|Fotos|fotos)$/.test(text(".finding > p")));
    const input = document.querySelector("#query") as HTMLInputElement;
    if (words) {
      input.value = words;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      await wait(() => / ms$/.test(text(".finding > p")));
    }
    await wait(() => document.querySelector(".grid canvas")?.getAttribute("data-state") === "there");
    const names = Array.from(document.querySelectorAll(".grid li button"), (button) => button.getAttribute("aria-label") ?? "");
    return { finding: text(".finding > p"), names };
  }, { words, patience: PATIENCE });

/** Drops a file on the page, as a person would. */
const dropIn = (tab: DemoTab, name: string, base64: string): Promise<void> =>
  tab.evaluate(async ({ name, base64, patience }) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], name, { type: "image/png" }));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
    const until = Date.now() + patience;
    while (!document.querySelector(`.grid [aria-label="${name}"]`)) {
      if (Date.now() > until) throw new Error(`${name} does not come: ${document.querySelector(".status")?.textContent ?? "nothing under way"}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }, { name, base64, patience: PATIENCE });

/** A visit: the drawings are there, searched, and a photo is added. */
export async function firstVisit(tab: DemoTab, photo: Buffer): Promise<void> {
  await searchIn(tab, "");
  await dropIn(tab, "dropped.png", photo.toString("base64"));
  const { finding, names } = await searchIn(tab, "red heart");
  expect(finding).toMatch(/^\d+ /);
  expect(names[0]).toMatch(/red-heart/);
}

/** Another visit finds what the one before has left. */
export async function secondVisit(tab: DemoTab): Promise<void> {
  const { finding, names } = await searchIn(tab, "");
  expect(finding).toMatch(/^353 /);
  expect(names[0]).toBe("dropped.png");
}
