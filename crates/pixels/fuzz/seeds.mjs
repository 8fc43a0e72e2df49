// node crates/pixels/fuzz/seeds.mjs: what fuzzing starts from, in corpus beside this file: the golden pictures and, where they
// are, the shared ones; a folder for each format, and one for the pipeline with operations before them. Deletes nothing.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const here = import.meta.dirname;
const root = path.join(here, "..", "..", "..");
const MOST = 16 * 1024;
const FOLDERS = ["images", "formats", "jpeg", "broken", "odd", "phones"].map((name) => path.join(root, "tests", "golden", name));
const SHARED = ["images", "cases"].map((name) => path.join(root, "..", "shared", name));

/** The formats that a file's first bytes tell apart; what else there is, is in a folder for others. */
const FORMATS = {
  jpeg: /^\xff\xd8/, png: /^\x89PNG/, gif: /^GIF8/, webp: /^RIFF....WEBP/s, bmp: /^(BM|[\x0c\x28\x40\x6c\x7c]\0\0\0)/,
  ico: /^\0\0[\x01\x02]\0/, tiff: /^(II|MM)/, avif: /^....ftyp/s,
};

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

for (const file of [...FOLDERS, ...SHARED].flatMap(filesUnder)) {
  const content = readFileSync(file);
  if (content.length > MOST) continue;
  const start = content.subarray(0, 16).toString("latin1");
  keep(Object.keys(FORMATS).find((name) => FORMATS[name].test(start)) ?? "other", content);
  const queue = QUEUES[count % QUEUES.length];
  keep("pipeline", Buffer.concat([Buffer.from(queue), content]));
}
console.log(`${count} seeds`);
