// src/web/*.ts -> dist/*.js with types and source maps. Needs the wasm flavours first: the worker imports their glue.

import { existsSync } from "node:fs";
import path from "node:path";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";

export const tsc = (...args) => run(process.execPath, [inRoot("node_modules", "typescript", "bin", "tsc"), ...args]);

export async function buildTypeScript() {
  const sources = filesUnder(["src/web"], (file) => file.endsWith(".ts"));
  const glue = filesUnder(["dist/wasm"], (file) => file.endsWith(".d.ts"));
  const hash = hashOf([...sources, ...glue, inRoot("tsconfig.json"), inRoot("package-lock.json")]);
  const outputs = sources.map((file) => path.join(dist, path.relative(inRoot("src", "web"), file).replace(/\.ts$/, ".js")));
  if (isDone("typescript", hash, outputs)) return;
  step("Compiling TypeScript", "src/web becomes dist/: the package's modules and their types");
  const begin = Date.now();
  forget("typescript");
  await tsc("-p", ".");
  markDone("typescript", hash);
  note(`${outputs.filter((file) => existsSync(file)).length} modules in dist/ (${seconds(begin)})`);
}
