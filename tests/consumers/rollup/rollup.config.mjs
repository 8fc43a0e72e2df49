// Rollup knows no workers: they are entries of their own, whose names have to stay, since the package finds them beside the
// module that starts them. The plugin copies what else is named by `new URL(…, import.meta.url)`: the wasm files.

import { nodeResolve } from "@rollup/plugin-node-resolve";
import { importMetaAssets } from "@web/rollup-plugin-import-meta-assets";

export default {
  input: { main: "../app/main.js", worker: "clip-vision/worker", search_worker: "clip-vision/search-worker" },
  output: { dir: "out", format: "esm" },
  plugins: [nodeResolve(), importMetaAssets({ include: "**/clip-vision/dist/worker.js" })],
};
