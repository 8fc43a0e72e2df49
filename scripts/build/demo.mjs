// www/ -> www/dist with Vite: static files that any server with COOP and COEP headers can offer.

import { note, seconds, step } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";

export const demoDist = inRoot("www", "dist");

export const vite = (...args) => run(process.execPath, [inRoot("node_modules", "vite", "bin", "vite.js"), ...args]);

export async function buildDemo() {
  const inDist = (file) => file.startsWith(demoDist);
  // www/, the package that it imports by name, and the small model that its Vite configuration copies.
  const inputs = filesUnder(["www", "dist", "tests/golden/models"], (file) => !inDist(file));
  const hash = hashOf([...inputs, inRoot("package-lock.json")]);
  if (isDone("demo", hash, [inRoot("www", "dist", "index.html")])) return;
  step("Building the demo", "www/ becomes www/dist, which the server offers");
  const begin = Date.now();
  forget("demo");
  await vite("build", "www", "--outDir", "dist", "--emptyOutDir", "--logLevel", "warn");
  markDone("demo", hash);
  note(`www/dist is ready (${seconds(begin)})`);
}
