// web/**/*.ts -> dist/**/*.js with types and source maps. Needs the wasm flavours first: the worker imports their glue.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";

export const tsc = (...args) => run(process.execPath, [inRoot("node_modules", "typescript", "bin", "tsc"), ...args]);

export async function buildTypeScript() {
  const sources = filesUnder(["web"], (file) => file.endsWith(".ts"));
  const glue = filesUnder(["dist/wasm"], (file) => file.endsWith(".d.ts"));
  const projects = ["tsconfig.json", "tsconfig.node.json"];
  const hash = hashOf([...sources, ...glue, ...projects.map((file) => inRoot(file)), inRoot("package-lock.json")]);
  const outputs = sources.map((file) => path.join(dist, path.relative(inRoot("web"), file).replace(/\.ts$/, ".js")));
  if (isDone("typescript", hash, [...outputs, path.join(dist, "vendor", "tokenizers.js")])) return;
  step("Compiling TypeScript", "web becomes dist/: the package's modules and their types");
  const begin = Date.now();
  forget("typescript");
  // What earlier sources became would be published along.
  for (const name of readdirSync(dist)) if (name !== "wasm") rmSync(path.join(dist, name), { recursive: true });
  vendorTokenizers();
  for (const project of projects) await tsc("-p", project);
  markDone("typescript", hash);
  note(`${outputs.filter((file) => existsSync(file)).length} modules in dist/ (${seconds(begin)})`);
}

/**
 * The JavaScript tokenizers, copied into the package: imported by its path, they load in a worker without a bundler too,
 * where a package's name means nothing. Of their types, what is used.
 */
function vendorTokenizers() {
  const from = inRoot("node_modules", "@huggingface", "tokenizers");
  const to = path.join(dist, "vendor");
  mkdirSync(to, { recursive: true });
  copyFileSync(path.join(from, "dist", "tokenizers.min.mjs"), path.join(to, "tokenizers.js"));
  copyFileSync(path.join(from, "LICENSE"), path.join(to, "tokenizers.LICENSE"));
  writeFileSync(
    path.join(to, "tokenizers.d.ts"),
    `/** Copied from @huggingface/tokenizers, Apache-2.0. */
export declare class Tokenizer {
  constructor(tokenizer: object, config: object);
  encode(text: string): { ids: number[] };
}
`,
  );
}
