// esbuild leaves `new URL(…, import.meta.url)` as it is: the workers, the scripts that they import or fetch later, and the wasm
// files are copied to where the page's module looks for them.

import { cpSync } from "node:fs";
import { build } from "esbuild";

await build({ bundle: true, format: "esm", minify: true, outdir: "out", logLevel: "warning", entryPoints: ["../app/main.js"] });
for (const part of ["worker.js", "common.js", "files.js", "tokenizer.js", "seldom.js", "gpu.js", "search_worker.js", "wasm"]) {
  cpSync(`../node_modules/clip-vision/dist/${part}`, `out/${part}`, { recursive: true });
}
