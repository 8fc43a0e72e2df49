/** Who may import whom in web/: the page, the worker and the search know nothing of each other, only what they share. */

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const web = new URL("../../web/", import.meta.url);

/** What a folder's modules may import besides their own; `""` are the entries, which wire the folders together. */
const MAY: Record<string, readonly string[]> = {
  shared: [],
  page: ["shared", "start_worker.ts"],
  worker: ["shared", "wasm", "vendor"],
  search: ["shared", "wasm", "start_search_worker.ts"],
  node: ["shared", "page", "worker", "search", "wasm", "index.ts"],
  "": ["shared", "page", "worker", "search", "wasm"],
};

const folderOf = (file: string): string => (file.includes("/") ? file.slice(0, file.indexOf("/")) : "");

it("each folder of web/ imports only what it may", () => {
  const files = readdirSync(web, { encoding: "utf8", recursive: true }).filter((file) => file.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(40);
  for (const file of files) {
    const folder = folderOf(file);
    for (const [, target] of readFileSync(new URL(file, web), "utf8").matchAll(/ from "(\.[^"]+)\.js"/g)) {
      const imported = `${path.posix.join(path.posix.dirname(file), target!)}.ts`;
      const allowed = folderOf(imported) === folder || MAY[folder]!.includes(folderOf(imported) || imported);
      expect(allowed, `${file} imports ${imported}`).toBe(true);
    }
  }
});
