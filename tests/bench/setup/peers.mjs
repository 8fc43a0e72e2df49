// The npm packages that are measured against, in target/bench/peers: they are large, and only the benchmark wants them.

import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { inRoot, once, run } from "../../../scripts/lib.mjs";

const wanted = ["package.json", "package-lock.json"].map((file) => inRoot("tests", "bench", "peers", file));
const folder = inRoot("target", "bench", "peers");
export const peersFolder = path.join(folder, "node_modules");

/** Installs them as tests/bench/peers/package-lock.json has them. */
export async function ensurePeers() {
  const plan = {
    what: "Installing onnxruntime-web and transformers.js",
    why: "the benchmark's peers, in target/bench/peers (600 MB, once)",
    files: wanted,
    outputs: [path.join(peersFolder, ".package-lock.json")],
  };
  await once("bench-peers", plan, async () => {
    mkdirSync(folder, { recursive: true });
    for (const file of wanted) copyFileSync(file, path.join(folder, path.basename(file)));
    // Without install scripts: they fetch native programs, which no browser needs.
    await run("npm", ["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  });
}

/** The version of a peer that is installed. */
export function peerVersion(name) {
  const file = path.join(peersFolder, ...name.split("/"), "package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
}
