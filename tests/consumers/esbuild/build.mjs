// esbuild leaves `new URL(…, import.meta.url)` as it is: the workers are entries of their own, built to where the page's
// module looks for them, and the wasm files are copied beside.

import { cpSync } from "node:fs";
import { build } from "esbuild";

const common = { bundle: true, format: "esm", minify: true, outdir: "out", logLevel: "warning" };
await build({ ...common, entryPoints: ["../app/main.js"] });
await build({ ...common, entryPoints: { worker: "clip-vision/worker", search_worker: "clip-vision/search-worker" } });
cpSync("../node_modules/clip-vision/dist/wasm", "out", { recursive: true, filter: (file) => !/\.(ts|js)$/.test(file) });
