/** The worker's tokenizer against transformers': the same texts and ids as tests/text.rs compares natively. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../dist/worker/tokenizer.js";
import { text } from "./fakes.ts";

const read = (file: string) => readFileSync(new URL(`../golden/${file}`, import.meta.url));
const parse = <T>(file: string) => JSON.parse(read(file).toString()) as T;
const from = (model: string, ...files: string[]) => files.map((file) => new Uint8Array(read(`models/${model}/${file}`)));

const tokens = parse<{ model: string; length: number; rows: [string, number[], number?][] }>("tokens.json");
const texts = parse<{ models: string[]; rows: [string, ...number[][]][] }>("texts.json");
const [json] = from(tokens.model, "tokenizer.json");
const [vocab, merges] = from("patch14-gelu", "vocab.json", "merges.txt");

describe("token ids", () => {
  it.each([
    ["tokenizer.json", createTokenizer({ json: json! })],
    ["vocab.json and merges.txt", createTokenizer({ vocab: vocab!, merges: merges! })],
  ])("of a thousand texts equal transformers', by %s", (_, tokenizer) => {
    expect(tokens.rows.length).toBeGreaterThan(1000);
    for (const [one, ids, times = 1] of tokens.rows) {
      expect([...tokenizer.ids(one.repeat(times), tokens.length)], `${JSON.stringify(one)} × ${times}`).toEqual(ids);
    }
  });

  it("are cut to each model's length, whatever the file says of padding", () => {
    const lengths: Record<string, number> = { "b32-tiny": 77, "patch14-gelu": 16, "nearest-f16": 32 };
    for (const [column, model] of texts.models.entries()) {
      const files = model === "patch14-gelu" ? { vocab: vocab!, merges: merges! } : { json: from(model, "tokenizer.json")[0]! };
      const tokenizer = createTokenizer(files);
      for (const row of texts.rows) expect([...tokenizer.ids(row[0], lengths[model]!)], `${model} ${row[0]}`).toEqual(row[column + 1]);
    }
  });

  it("exist for halves of letters, which only JavaScript has", () => {
    const tokenizer = createTokenizer({ json: json! });
    expect(tokenizer.ids("a\ud800b", 77)).toEqual(tokenizer.ids("a\ufffdb", 77));
  });
});

describe("files that are no tokenizer", () => {
  it.each<[string, Parameters<typeof createTokenizer>[0], RegExp]>([
    ["no JSON", { json: text("<html>") }, /tokenizer\.json is not JSON/],
    ["no object", { json: text("[1]") }, /not a JSON object/],
    ["an empty object", { json: text("{}") }, /not what they should be/],
    ["a vocabulary without ends", { vocab: text('{"a": 0}'), merges: text("") }, /no token <\|startoftext\|>/],
  ])("%s", (_, files, message) => {
    expect(() => createTokenizer(files)).toThrow(expect.objectContaining({ code: "config", message: expect.stringMatching(message) }));
  });
});
