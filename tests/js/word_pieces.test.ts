/** BERT's `vocab.txt` and `tokenizer_config.json`: as the Rust tests of `src/model/word_pieces.rs` and `tests/families.rs` have it. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../target/web/worker/tokenizer.js";
import { bundled } from "../../web/worker/bundle.ts";
import { tokenizerJson } from "../../web/worker/word_pieces.ts";
import { dispatcherWith, load, MODEL } from "./fake_host.ts";
import { text } from "./fakes.ts";

const TOKENS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\r\n##b\n狗 \n\na\n";
const GOLDEN = new URL("../golden/families/", import.meta.url);

interface Made {
  added_tokens: unknown[];
  normalizer: Record<string, unknown>;
  post_processor: { special_tokens: Record<string, { ids: number[] }> };
  model: { vocab: Record<string, number> };
}

const made = (tokens: Uint8Array, config?: unknown): Made =>
  JSON.parse(new TextDecoder().decode(tokenizerJson(tokens, config === undefined ? undefined : text(JSON.stringify(config))))) as Made;

describe("a vocab.txt", () => {
  it("has a token a line, whose place is its id", () => {
    const file = made(text(TOKENS));
    expect(file.model.vocab).toEqual({ "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "##b": 6, 狗: 7, a: 9 });
    expect(file.normalizer["lowercase"]).toBe(true);
    expect(file.added_tokens).toHaveLength(5);
  });

  it("is read as its configuration says", () => {
    const switches = { do_lower_case: false, tokenize_chinese_chars: false, strip_accents: true };
    const file = made(text(TOKENS), { ...switches, tokenizer_class: "BertTokenizerFast", cls_token: { content: "a" }, mask_token: "gone" });
    const normalizer = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: false, strip_accents: true, lowercase: false };
    expect(file.normalizer).toEqual(normalizer);
    expect(file.post_processor.special_tokens["a"]).toMatchObject({ ids: [9] });
    expect(file.added_tokens).toHaveLength(4);
  });

  it.each<[Uint8Array, unknown, RegExp]>([
    [Uint8Array.of(0xff), undefined, /vocab\.txt is not UTF-8/],
    [text("[UNK]\n[CLS]\n"), undefined, /vocab\.txt has no token "\[SEP\]"/],
    [text("a\n".repeat((1 << 20) + 1)), undefined, /vocab\.txt has more tokens than 1048576/],
    [text(""), undefined, /vocab\.txt has no token/],
    [text(TOKENS), [], /tokenizer_config\.json is not a JSON object/],
    [text(TOKENS), { do_lower_case: "yes" }, /do_lower_case must be true or false/],
    [text(TOKENS), { unk_token: 3 }, /unk_token is no token/],
    [text(TOKENS), { tokenizer_class: "BertJapaneseTokenizer" }, /BertJapaneseTokenizer/],
  ])("that is wrong is refused: %#", (tokens, config, message) => {
    expect(() => made(tokens, config)).toThrow(expect.objectContaining({ code: "config", message: expect.stringMatching(message) }));
  });

  it.each(["chinese_clip", "chinese_clip_saved"])("and a tokenizer.json make transformers' ids: %s", (name) => {
    const read = (file: string) => new Uint8Array(readFileSync(new URL(`${name}/${file}`, GOLDEN)));
    const { strings, texts } = JSON.parse(new TextDecoder().decode(read("expected.json"))) as { strings: string[]; texts: number[][] };
    const published = name === "chinese_clip";
    const tokenizer = createTokenizer({ json: published ? tokenizerJson(read("vocab.txt"), undefined) : read("tokenizer.json") });
    const longest = published ? 24 : 20;
    for (const [index, string] of strings.entries()) expect([...tokenizer.ids(string, longest)], string).toEqual(texts[index]);
  });
});

describe("a SigLIP", () => {
  it("has the token that fills up its texts in its configuration, with its id", async () => {
    const config = { model_type: "siglip", text_config: {} };
    const bundleOf = async (tokenizer: unknown) =>
      JSON.parse(new TextDecoder().decode(await bundled(text(JSON.stringify(config)), async () => text(JSON.stringify(tokenizer))))) as unknown;
    const added_tokens_decoder = { 0: { content: "<eos>" }, 7: { content: "<pad>", special: true } };
    const taken = { pad_token: "<pad>", added_tokens_decoder: { 7: { content: "<pad>" } } };
    for (const pad_token of ["<pad>", { content: "<pad>" }]) {
      expect(await bundleOf({ pad_token, added_tokens_decoder, more: 1 })).toEqual({ ...config, "tokenizer_config.json": taken });
    }
    for (const tokenizer of [{}, null, { pad_token: "<pad>" }, { pad_token: "x", added_tokens_decoder }, { added_tokens_decoder }]) {
      expect(await bundleOf(tokenizer)).toEqual(config);
    }
  });
});

describe("a Chinese-CLIP", () => {
  const config = '{"model_type":"chinese_clip","projection_dim":3}';
  const bundleOf = async (tokenizer: string | undefined) =>
    JSON.parse(new TextDecoder().decode(await bundled(text(config), async () => (tokenizer === undefined ? undefined : text(tokenizer))))) as unknown;

  it("has the limit of its tokenizer in its configuration", async () => {
    const limited = { model_type: "chinese_clip", projection_dim: 3, "tokenizer_config.json": { model_max_length: 52 } };
    expect(await bundleOf('{"model_max_length":52,"do_lower_case":true}')).toEqual(limited);
    for (const without of [undefined, "{}", "[]", "null", '{"model_max_length":1e30}', '{"model_max_length":"52"}']) {
      expect(await bundleOf(without)).toEqual(JSON.parse(config));
    }
    await expect(bundleOf("<html>")).rejects.toMatchObject({ code: "config", message: "tokenizer_config.json is not JSON" });
  });

  it("is loaded with the files that its folder has", async () => {
    const at = (name: string) => `https://models.test/m/${name}`;
    const served = { [at("config.json")]: { body: config }, [at("vocab.txt")]: { body: TOKENS }, [at("tokenizer_config.json")]: { body: '{"model_max_length":52}' } };
    const { call, engine, fetched } = dispatcherWith({ ...MODEL, ...served });
    expect(await call({ type: "load", id: 1, argument: load() })).toMatchObject({ type: "done" });
    expect(JSON.parse(new TextDecoder().decode(engine.options?.config))).toMatchObject({ "tokenizer_config.json": { model_max_length: 52 } });
    expect(fetched).not.toContain(at("vocab.txt"));
    expect(await call({ type: "embedTexts", id: 2, argument: ["狗"] })).toMatchObject({ type: "done" });
    expect(fetched).toContain(at("vocab.txt"));
  });
});
