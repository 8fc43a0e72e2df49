// "Already done?" answered by content: a step's stamp holds a hash of all that goes into it, so that a touched file
// or a fresh checkout costs nothing and a changed flag costs a rebuild.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { inRoot, root, stamps } from "./paths.mjs";

/** Every file under the given files and folders (relative to the repository) that `keep` accepts, sorted. */
export function filesUnder(places, keep = () => true) {
  const found = [];
  const visit = (place) => {
    if (!existsSync(place)) return;
    if (!statSync(place).isDirectory()) return void found.push(place);
    for (const name of readdirSync(place)) {
      if (name !== "node_modules" && !name.startsWith(".")) visit(path.join(place, name));
    }
  };
  for (const place of places) visit(inRoot(place));
  return found.filter(keep).sort();
}

/** A hash of the contents and names of files, and of any further values that decide a step's outcome. */
export function hashOf(files, ...values) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(path.relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.update(JSON.stringify(values)).digest("hex");
}

const stampFile = (name) => path.join(stamps, name);

/** True if the step `name` last ended with this hash and everything it made is still there. */
export function isDone(name, hash, outputs = []) {
  try {
    return readFileSync(stampFile(name), "utf8") === hash && outputs.every((output) => existsSync(output));
  } catch {
    return false;
  }
}

export function markDone(name, hash) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stampFile(name), hash);
}

export const forget = (name) => rmSync(stampFile(name), { force: true });
