/** Who may import whom in web/: the page, the worker and the search know nothing of each other, only what they share. */

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const web = new URL("../../web/", import.meta.url);

/** What a folder's modules may import besides their own; `""` are the entries, which wire the folders together. */
const MAY: Record<string, readonly string[]> = {
  shared: [],
  page: ["shared", "start_worker.ts"],
  worker: ["shared", "wasm", "vendor"],
  search: ["shared", "wasm", "start_search_worker.ts"],
  node: ["shared", "page", "worker", "search", "wasm", "index.ts"],
  "": ["load_later.ts", "gpu.ts", "seldom.ts", "tokenizer.ts", "shared", "page", "worker", "search", "wasm"],
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

const root = new URL("../../", import.meta.url);

/** What a module loads, itself included, as paths below web/: of a built one the sources that it was made of. */
function loadedBy(entry: string): string[] {
  const [seen, sources] = [new Set<string>(), new Set<string>()];
  const follow = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    const text = readFileSync(file, "utf8");
    // What has no map is itself a source, or made by the build: the search module, the glue.
    const map = /^\/\/# sourceMappingURL=(.*)$/m.exec(text)?.[1];
    const made = map ? (JSON.parse(readFileSync(new URL(map, file), "utf8")) as { sources: string[] }).sources : [file.href];
    for (const source of made) sources.add(new URL(source, file).pathname.replace(/^.*\/(web|dist)\//, ""));
    for (const [, target] of text.matchAll(/(?:^|;)(?:import|export)\b(?! type)[^;"'(=]*["'](\.[^"']+)["']/gm)) {
      const source = file.pathname.endsWith(".ts");
      if (source && target!.startsWith("../wasm/")) sources.add(target!.slice(3)); // made by the build
      else follow(new URL(source ? target!.replace(/\.js$/, ".ts") : target!, file));
    }
  };
  follow(new URL(entry, root));
  return [...sources].sort();
}

const within = (sources: string[], ...folders: string[]): string[] =>
  sources.filter((source) => folders.some((folder) => source === folder || source.startsWith(folder)));

describe.each([
  ["source", "web/index.ts", "web/search/index.ts", "web/search/embeddings.ts"],
  ["the built package", "dist/index.js", "dist/search.js", undefined],
  ["the built package in Node", "dist/node/index.js", "dist/node/search.js", undefined],
])("%s", (_, embedding, searching, collection) => {
  it("loads nothing of searching for a page that only embeds", () => {
    const loaded = loadedBy(embedding);
    expect(loaded).toContain("page/clip_vision.ts");
    expect(within(loaded, "search/", "wasm/", "worker/", "start_search_worker.ts")).toEqual([]);
  });

  it("loads nothing of models for a page that only searches", () => {
    const loaded = loadedBy(searching);
    expect(loaded).toContain("search/embeddings.ts");
    expect(within(loaded, "wasm/")).toEqual(["wasm/top_k.js"]); // for topK
    expect(within(loaded, "page/", "worker/", "vendor/", "start_worker.ts", "index.ts")).toEqual([]);
  });

  it.runIf(collection)("loads for a collection nothing that its worker loads", () => {
    const loaded = loadedBy(collection!);
    expect(loaded).toContain("search/connection.ts");
    const theWorkers = ["server", "collection", "engine", "arrow_file", "arrow_schema", "flatbuffer", "npy_file", "own_file", "file", "relevance"];
    expect(within(loaded, "wasm/", ...theWorkers.map((name) => `search/${name}.ts`))).toEqual([]);
  });
});
