/** The worker's tokenizer against transformers': the same texts and ids as tests/text.rs compares natively. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../target/web/worker/tokenizer.js";
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

  it("are the same with a version line, and with merges beyond the vocabulary", () => {
    const lines = new TextDecoder().decode(merges).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const versions = [["#version: 0.2", ...lines, ""], [...lines, "zq zq</w>", "qz q</w>"], ["#version: 0.2", ...lines, "zq zq</w>"]];
    const expected = createTokenizer({ vocab: vocab!, merges: merges! });
    for (const version of versions) {
      const tokenizer = createTokenizer({ vocab: vocab!, merges: text(version.join("\n")) });
      for (const [one] of tokens.rows.slice(0, 200)) expect(tokenizer.ids(one, 77)).toEqual(expected.ids(one, 77));
    }
    const other = text([...lines.slice(0, 9), "zq zq</w>", ...lines.slice(9)].join("\n"));
    expect(() => createTokenizer({ vocab: vocab!, merges: other })).toThrow(/zq/);
  });

  it("are made by all merges of a small vocabulary", () => {
    const words = ["<|startoftext|>", "<|endoftext|>", "a", "b", "c</w>", "ab", "abc</w>"];
    const small = text(JSON.stringify(Object.fromEntries(words.map((word, id) => [word, id]))));
    const tokenizer = createTokenizer({ vocab: small, merges: text("a b\nab c</w>\n") });
    expect([...tokenizer.ids("abc", 77)]).toEqual([0, 6, 1]);
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
    ["an empty object", { json: text("{}") }, /tokenizer\.json: model: not an object/],
    ["a vocabulary without ends", { vocab: text('{"a": 0}'), merges: text("") }, /no token <\|startoftext\|>/],
  ])("%s", (_, files, message) => {
    expect(() => createTokenizer(files)).toThrow(expect.objectContaining({ code: "config", message: expect.stringMatching(message) }));
  });
});

/** The cases of tests/tokenizer_files.rs. */
const cases = parse<{ base: object; accepted: [string, string, unknown][]; refused: [string, string, unknown, string][] }>("tokenizers.json");

/** The base with `value` at a JSON pointer. */
function changed(at: string, value: unknown): object {
  const file = structuredClone(cases.base);
  const keys = at.split("/").slice(1);
  const last = keys.pop();
  let place = file as Record<string, unknown>;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  if (last === "type" && value === null) delete place[last];
  else if (last !== undefined) place[last] = value;
  return file;
}

describe("tokenizers of strangers", () => {
  const create = (file: object) => createTokenizer({ json: text(JSON.stringify(file)) });

  it.each(cases.accepted)("are read where CLIP models have it: %s", (_, at, value) => {
    expect([...create(changed(at, value)).ids("ab  A 1", 77)]).toEqual([6, 4, 2, 5, 7]);
  });

  it.each(cases.refused)("are refused by name where none has it: %s", (_, at, value, says) => {
    const message = expect.stringMatching(says);
    expect(() => create(changed(at, value))).toThrow(expect.objectContaining({ code: "config", message }));
  });

  it("cost no more where texts are endless", () => {
    const tokenizer = create(cases.base);
    expect([...tokenizer.ids(`${" ".repeat(65_535)}ab`, 77)]).toEqual([6, 2, 7]);
    expect([...tokenizer.ids(`${" ".repeat(65_536)}ab`, 77)]).toEqual([6, 7]);
  });

  it("may be deep where nobody looks", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const file = JSON.stringify(cases.base);
    expect([...createTokenizer({ json: text(file.replace('"type":"NFC"', `"type":"NFC","more":${deep}`)) }).ids("ab", 77)]).toEqual([6, 4, 7]);
    for (const [value, part] of [['"Removed"', "pre_tokenizer"], ['"a b</w>"', "model"], ['"id":6', "added_tokens"]] as const) {
      const json = text(file.replace(value, value.startsWith('"id"') ? `"id":${deep}` : deep));
      expect(() => createTokenizer({ json })).toThrow(expect.objectContaining({ code: "config", message: expect.stringContaining(part) }));
    }
  });

  it("are refused at once where they are deep or long", () => {
    const deep = JSON.stringify(cases.base).replace('"normalizer":', `"normalizer":${"[".repeat(100_000)}null${"]".repeat(100_000)},"other":`);
    expect(() => createTokenizer({ json: text(deep) })).toThrow(expect.objectContaining({ code: "config" }));
    const many = Array.from({ length: 5000 }, (_, id) => ({ id, content: `<${id}>` }));
    const long = [{ id: 1, content: "x".repeat(1000) }];
    for (const tokens of [many, long]) {
      expect(() => create({ ...cases.base, added_tokens: tokens })).toThrow(/tokenizer\.json: added_tokens/);
    }
  });
});
