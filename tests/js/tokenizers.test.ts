/** The worker's tokenizers of other families than CLIP's: the same files, strings and ids as tests/tokenizers.rs has natively. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../target/web/worker/tokenizer.js";
import { cleaned } from "../../web/worker/tokenizer/cleaning.ts";
import { text } from "./fakes.ts";

const NAMES = ["gemma", "siglip2", "siglip", "xlm-v", "mt5", "mt5-old", "bert-cased", "bert-uncased"];
const LONGEST = 77;

const read = (file: string) => readFileSync(new URL(`../golden/tokenizers/${file}`, import.meta.url));
const charsmap = read("nmt_nfkc.txt").toString().trim();
/** A tokenizer's file, with the character map that three of them share. */
const json = (name: string, map = charsmap) => text(read(`${name}.json`).toString().replace('"nmt_nfkc"', `"${map}"`));

const { rows: strings } = JSON.parse(read("strings.json").toString()) as { rows: string[] };
const tensors = read("ids.safetensors");

/** A tensor of 16-bit numbers of a safetensors file. */
function values(name: string): number[] {
  const size = Number(tensors.readBigUInt64LE(0));
  const header = JSON.parse(tensors.subarray(8, 8 + size).toString()) as Record<string, { data_offsets: [number, number] }>;
  const [start, end] = header[name]!.data_offsets;
  return Array.from({ length: (end - start) / 2 }, (_, index) => tensors.readUInt16LE(8 + size + start + 2 * index));
}

describe("token ids", () => {
  it.each(NAMES)("of two thousand strings equal transformers': %s", (name) => {
    const tokenizer = createTokenizer({ json: json(name) });
    const [ids, lengths] = [values(`${name}/ids`), values(`${name}/lengths`)];
    expect(lengths).toHaveLength(2000);
    let at = 0;
    for (const [index, string] of strings.entries()) {
      const row = ids.slice(at, (at += lengths[index]!));
      const cut = row.length > LONGEST ? [...row.slice(0, LONGEST - 1), row.at(-1)] : row;
      expect([...tokenizer.ids(string, LONGEST)], JSON.stringify(string)).toEqual(cut);
    }
  });
});

it("texts are as open_clip cleans them", () => {
  const { rows } = JSON.parse(read("cleaned.json").toString()) as { rows: [string, ...string[]][] };
  expect(rows.length).toBeGreaterThan(300);
  for (const [string, ...expected] of rows) {
    const made = (["canonicalize", "lower", "whitespace"] as const).map((cleaning) => cleaned(string, cleaning));
    expect(made, JSON.stringify(string)).toEqual(expected);
  }
  expect(cleaned("A  b", undefined)).toBe("A  b");
});

describe("a character map", () => {
  const bytes = () => Buffer.from(charsmap, "base64");
  const units = bytes().readUInt32LE(0) / 4;
  const cases: [string, (map: Buffer) => Buffer | void][] = [
    ["no bytes", () => Buffer.alloc(0)],
    ["a length beyond the end", (map) => void map.writeUInt32LE(0xffffffff)],
    ["half of the units", (map) => Buffer.concat([map.subarray(0, 4), map.subarray(4 + 2 * units)])],
    ["a root that leads far", (map) => void map.writeUInt32LE(0x3ffffc00, 4)],
    ["a place beyond the texts", (map) => void map.writeUInt32LE(0xffffffff, 4 + 4 * Array.from({ length: units }, (_, at) => map.readUInt32LE(4 + 4 * at)).findIndex((unit) => unit >>> 31 === 1))],
    ["a long text", (map) => Buffer.concat([map, Buffer.alloc(300, "a")])],
  ];
  it.each(cases)("of %s is refused", (_, change) => {
    const map = bytes();
    const changed = (change(map) ?? map).toString("base64");
    const message = expect.stringContaining("precompiled_charsmap");
    expect(() => createTokenizer({ json: json("mt5", changed) })).toThrow(expect.objectContaining({ code: "config", message }));
  });
});
