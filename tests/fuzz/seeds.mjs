// node tests/fuzz/seeds.mjs: what fuzzing starts from, in corpus/decode and corpus/pipeline beside this file: the golden
// pictures and, where they are, the shared ones; for the pipeline with operations before them. Deletes nothing.

import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import path from "node:path";

const here = import.meta.dirname;
const MOST = 64 * 1024;
const FOLDERS = ["images", "formats", "jpeg", "broken"].map((name) => path.join(here, "..", "golden", name));
const SHARED = path.join(here, "..", "..", "..", "shared", "images");

/** Queues as `pipeline.rs` reads them: how many operations (8 more: decoded fast), each with its parameters; then 2: a file. */
const QUEUES = [
  [3, 1, 0, 224, 2, 2, 0, 224, 0, 224, 3, 2],
  [11, 1, 0, 16, 2, 2, 0, 16, 0, 16, 4, 2],
  [2, 0, 0, 7, 0, 9, 3, 0, 1, 44, 0, 30, 1, 2],
  [2, 2, 0, 100, 1, 0, 1, 0, 3, 0, 2],
  [0, 2],
];

const filesUnder = (folder) =>
  existsSync(folder) ? readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)).filter((file) => statSync(file).isFile()) : [];

let count = 0;
const keep = (target, content) => {
  const folder = path.join(here, "corpus", target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, createHash("sha1").update(content).digest("hex")), content);
  count += 1;
};

for (const file of [...FOLDERS, SHARED].flatMap(filesUnder)) {
  const content = readFileSync(file);
  if (content.length > MOST) continue;
  keep("decode", content);
  const queue = QUEUES[count % QUEUES.length];
  keep("pipeline", Buffer.concat([Buffer.from(queue), content]));
}
console.log(`${count} seeds`);
