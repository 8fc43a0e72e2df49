// README's TypeScript examples as files, so that the compiler checks them against the package's types: what a reader
// copies compiles. (The Rust examples are compiled by `cargo test`, through src/lib.rs.)

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";

const folder = inRoot("target", "readme");

/** Writes each ```ts block of README.md to target/readme/, which tsconfig.tests.json includes. */
export function writeReadmeExamples() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const blocks = [...readFileSync(inRoot("README.md"), "utf8").matchAll(/^```ts\n([^]*?)^```$/gm)];
  if (blocks.length === 0) throw new Stop("README.md has no ```ts block; an example was expected there.");
  blocks.forEach(([, code], index) => writeFileSync(path.join(folder, `example-${index + 1}.ts`), `${code}export {};\n`));
}
