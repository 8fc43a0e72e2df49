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

/** Choices as `tiff.rs` reads them: little-endian, of one strip; `raw`: the bytes behind are that strip. */
const choices = (compression, kind, raw, [width, height] = [31, 31]) => [
  ...[0, 0, width - 1, height - 1, kind, compression, 0, 0, 0, height - 1, 0, 0, 0, 0, 0],
  ...(compression === 2 ? [0] : []), // options of fax
  0,
  ...(kind === 5 || kind === 8 || kind === 9 ? [] : [0]), // the format of samples
  ...(kind === 21 || kind === 22 ? [0] : []), // levels of black and white
  ...[0, 0, 0, raw ? 3 : 0, 0],
];
/** Which of `tiff.rs`'s compressions a format's own bytes may be, with a kind of samples. */
const COMPRESSED = { jpeg: [[6, 12], [6, 21], [5, 21]], webp: [[13, 12], [13, 14]], tiff: [[1, 0], [2, 0], [3, 0], [4, 12], [7, 4], [10, 0], [11, 12], [12, 12]] };

/** Width and height, where they are easily found; else some. */
function sizeOf(content, format) {
  const number = (at, length = 2) => (format === "jpeg" || content[0] === 77 ? content.readUIntBE(at, length) : content.readUIntLE(at, length));
  const text = content.toString("latin1");
  if (format === "jpeg") {
    const frame = /\xff[\xc0-\xc3\xc9-\xcb]..\x08/s.exec(text);
    if (frame) return [number(frame.index + 7), number(frame.index + 5)];
  } else if (format === "webp") {
    const at = text.indexOf("VP8 ") + 14;
    if (at > 14 && content.length > at + 4) return [number(at) & 0x3fff, number(at + 2) & 0x3fff];
  } else {
    const [start, sizes] = [number(4, 4), {}];
    for (let at = start + 2; at + 12 <= content.length && at < start + 26; at += 12) sizes[number(at)] = number(at + 8);
    if (sizes[256] && sizes[257]) return [sizes[256], sizes[257]];
  }
  return [31, 31];
}

/** EXIF and XMP that say something, before `metadata.rs`'s choices. */
const EXIF = ["4949 2a00 08000000 0100 1201 0300 01000000 06000000 00000000", "4d4d 002a 00000008 0001 0112 0004 00000001 00000008 00000000",
  "4949 2b00 0800 0000 1000000000000000 0100000000000000 1201 0c00 0100000000000000 0000000000001040"];
const XMP = ["", '<rdf:Description tiff:Orientation="6"/>', "<tiff:Orientation>8</tiff:Orientation>"];

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
  const format = Object.keys(COMPRESSED).find((name) => FORMATS[name].test(start));
  if (format && content.length <= 2048) {
    // libtiff puts the strips behind the header.
    for (const [compression, kind] of COMPRESSED[format]) {
      keep("tiff-structure", Buffer.concat([Buffer.from(choices(compression, kind, true, sizeOf(content, format))), content.subarray(format === "tiff" ? 8 : 0)]));
    }
  }
  const queue = QUEUES[count % QUEUES.length];
  keep("pipeline", Buffer.concat([Buffer.from(queue), content]));
}
for (let compression = 0; compression < 16; compression++) {
  for (let kind = 0; kind < 24; kind++) keep("tiff-structure", Buffer.from([...choices(compression, kind, false), 1, 2, 3, 250, 90, 7]));
}
for (const format of [0, 1, 2, 3]) {
  for (const exif of EXIF.map((hexadecimal) => Buffer.from(hexadecimal.replaceAll(" ", ""), "hex"))) {
    for (const xmp of XMP) keep("metadata", Buffer.concat([Buffer.from([format, 0, exif.length, 0, 0, 0, 0]), exif, Buffer.from(xmp)]));
  }
}
console.log(`${count} seeds`);
