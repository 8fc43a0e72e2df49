/** The documentation: every error code has an entry, every link leads somewhere, what it shows of bundlers is what is tested. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { apiPage } from "../../scripts/api.mjs";

const root = new URL("../../", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), "utf8");
const pages = ["README.md", "SECURITY.md", "examples/README.md", ...readdirSync(new URL("docs/", root)).filter((file) => file.endsWith(".md")).map((file) => `docs/${file}`)];

/** A heading's address, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
const anchors = (page: string): string[] => [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));

describe("the documentation", () => {
  it("has an entry for every error code, and for no other", () => {
    const source = read("web/shared/errors.ts");
    const union = source.slice(source.indexOf("export type ClipVisionErrorCode"), source.indexOf("const CODES"));
    const codes = [...union.matchAll(/^ {2}\| "([a-z-]+)"/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(10);
    const entries = [...read("docs/troubleshooting.md").matchAll(/^### `([a-z-]+)`$/gm)].map(([, code]) => code);
    expect(entries).toEqual(codes);
  });

  it("has the API as the package's types have it (`npm run docs` writes it)", () => {
    expect(read("docs/api.md")).toBe(apiPage());
  });

  it("begins with a page that can be read in some minutes", () => {
    expect(read("README.md").trim().split("\n").length).toBeLessThanOrEqual(125);
  });

  it.each(pages)("%s: its links lead to files and headings that are there", (page) => {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file, anchor] = target!.split("#") as [string, string?];
      const url = file === "" ? new URL(page, root) : new URL(file, new URL(page, root));
      expect(existsSync(url), `${page}: ${target}`).toBe(true);
      if (anchor !== undefined) expect(anchors(readFileSync(url, "utf8")), `${page}: ${target}`).toContain(anchor);
    }
  });

  it("shows the configurations that tests/consumers builds with", () => {
    const bundlers = read("docs/bundlers.md");
    for (const [heading, file] of [
      ["Rollup", "rollup/rollup.config.mjs"],
      ["esbuild", "esbuild/build.mjs"],
    ] as const) {
      const block = new RegExp(`^## ${heading}\n[^]*?^\`\`\`js\n([^]*?)^\`\`\``, "m").exec(bundlers)?.[1];
      const fixture = read(`tests/consumers/${file}`).replaceAll("../app/", "src/").replaceAll("../node_modules", "node_modules");
      expect(block).toBeTruthy();
      expect(fixture).toContain(block);
    }
    const { content_security_policy: policy } = JSON.parse(read("examples/web/extension/manifest.json")) as Record<string, Record<string, string>>;
    expect(bundlers).toContain(policy!["extension_pages"]);
    const [assets] = /^\{ "glob": .*\}$/m.exec(bundlers)!;
    expect(read("examples/web/angular/angular.json")).toContain(assets);
  });
});
