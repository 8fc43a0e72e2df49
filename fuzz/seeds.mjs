// node fuzz/seeds.mjs: what fuzzing starts from, in corpus beside this file: tiny models of each family in each layout, the
// same as ONNX files, and the tokenizers of the tests. Deletes nothing.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { models } from "./seeds/models.mjs";
import { onnxFiles } from "./seeds/onnx.mjs";
import { tokenizers } from "./seeds/tokenizers.mjs";

let count = 0;
/** Writes an input as `fuzz_targets/parts.rs` takes it apart. */
function keep(target, choices, parts) {
  const asBytes = (part) => (Buffer.isBuffer(part) ? part : Buffer.from(typeof part === "string" ? part : JSON.stringify(part)));
  const bytes = parts.map(asBytes);
  const lengths = bytes.map((part) => Buffer.from([part.length >> 8, part.length & 255]));
  const input = Buffer.concat([Buffer.from(choices), ...bytes.flatMap((part, at) => (at + 1 < bytes.length ? [lengths[at], part] : [part]))]);
  const folder = path.join(import.meta.dirname, "corpus", target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, createHash("sha1").update(input).digest("hex")), input);
  count += 1;
}

models(keep);
onnxFiles(keep);
tokenizers(keep);
console.log(`${count} seeds`);
