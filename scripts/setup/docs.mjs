// typedoc, in target/docs-tools: it works with the TypeScript compiler as a library, which TypeScript 7 no longer is, so it
// comes with the last one that was. Only `npm run docs` needs it.

import path from "node:path";
import { inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { ensurePackages } from "./node.mjs";

const folder = inRoot("target", "docs-tools");

export const typedoc = (args) =>
  run(process.execPath, [path.join(folder, "node_modules", "typedoc", "bin", "typedoc"), ...args]);

export const ensureDocsTools = () =>
  ensurePackages("docs-npm", folder, inRoot("scripts", "docs"), "typedoc", "it writes the reference of the npm package");
