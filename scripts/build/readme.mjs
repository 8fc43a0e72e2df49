// The documentation's TypeScript examples as files, so that the compiler checks them against the package's types: what a
// reader copies compiles. (The Rust examples are compiled by `cargo test`, through src/lib.rs.)

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";

const folder = inRoot("target", "readme");

/** Writes each ```ts block of README.md and docs/*.md to target/readme/, which tsconfig.tests.json includes. */
export function writeReadmeExamples() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = readdirSync(inRoot("docs")).filter((file) => file.endsWith(".md")).map((file) => `docs/${file}`);
  const count = ["README.md", ...pages].map(writeExamples).reduce((sum, blocks) => sum + blocks, 0);
  if (count === 0) throw new Stop("README.md and docs/ have no ```ts block; examples were expected there.");
}

/** The blocks of one page, each a module named after the page; how many there are. */
function writeExamples(page) {
  const name = page.replace(/\.md$/, "").replace("/", "-").toLowerCase();
  const blocks = [...readFileSync(inRoot(page), "utf8").matchAll(/^```ts\n([^]*?)^```$/gm)];
  blocks.forEach(([, code], index) => writeFileSync(path.join(folder, `${name}-${index + 1}.ts`), `${code}export {};\n`));
  return blocks.length;
}
