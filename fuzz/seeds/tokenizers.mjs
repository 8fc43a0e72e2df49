// Tokenizers' files: those of the tests that are read and those that are refused, and the beginnings of other families'.

import { readFileSync } from "node:fs";
import path from "node:path";

const golden = path.join(import.meta.dirname, "..", "..", "tests", "golden");
const read = (name) => JSON.parse(readFileSync(path.join(golden, name), "utf8"));
const { base, accepted, refused } = read("tokenizers.json");
export { base };

const TEXTS = ["a b ab 1", "", "it's  É<|endoftext|>", "\u0130\u1e9e a\u0301 \ud55c\u200d\u{1f600}".normalize("NFD"), "a".repeat(60)];

const replaced = (json, pointer, value) => {
  if (!pointer) return json;
  const copy = structuredClone(json);
  const keys = pointer.split("/").slice(1);
  const last = keys.pop();
  keys.reduce((object, key) => object[key], copy)[last] = value;
  return copy;
};

/** sentencepiece's map of characters with one of them: A becomes a. */
function charsmap() {
  const units = new Uint32Array(256);
  const [child, value] = [0x41, 0x90];
  units[child] = child | (1 << 8) | ((child ^ value) << 10);
  units[value] = 2 ** 31;
  const length = Buffer.from(Uint32Array.of(units.byteLength).buffer);
  return Buffer.concat([length, Buffer.from(units.buffer), Buffer.from("a\0")]).toString("base64");
}

/** The same with its first tokens alone, so that it is read in no time. */
function small(tokenizer) {
  const { model } = tokenizer;
  const most = 48;
  if (Array.isArray(model.vocab)) model.vocab = model.vocab.slice(0, most);
  else {
    // The special ones, some of the bytes of byte fallback, and letters.
    const isLetter = (token) => [...token].length === 1 || /^##.$/u.test(token);
    const tokens = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
    const chosen = [...tokens.slice(0, 24), ...tokens.filter(([token], at) => at >= 24 && isLetter(token)).slice(0, most)].map(([token]) => token);
    const merges = (model.merges ?? []).filter((pair) => pair.every((token) => chosen.includes(token))).slice(0, 8);
    chosen.push(...merges.map((pair) => pair.join("")).filter((token) => !chosen.includes(token)));
    model.vocab = Object.fromEntries(chosen.map((token, id) => [token, id]));
    if (model.merges) model.merges = merges;
  }
  return JSON.parse(JSON.stringify(tokenizer).replaceAll("nmt_nfkc", charsmap()));
}

const FAMILIES = ["siglip", "siglip2", "gemma", "mt5", "mt5-old", "xlm-v", "bert-uncased", "bert-cased"];

export function tokenizers(keep) {
  for (const [at, [, pointer, value]] of [...accepted, ...refused].entries()) {
    keep("tokenizer", [0, 0, 0, 0], [replaced(base, pointer, value), "", TEXTS[at % TEXTS.length]]);
  }
  // vocab.txt, a token a line, with tokenizer_config.json and without.
  const lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "b", "é", "狗", "it", "'", "s", "1", "##2"].join("\n");
  const configs = ["", { do_lower_case: false, strip_accents: true, tokenizer_class: "BertTokenizer" }, { tokenize_chinese_chars: false, cls_token: { content: "a" }, mask_token: "gone" }];
  for (const config of configs) for (const text of TEXTS) keep("tokenizer", [2, 0, 0, 0], [lines, config, text]);
  const merges = "#version: 0.2\na b</w>\n";
  for (const text of TEXTS) keep("tokenizer", [1, 0, 0, 0], [base.model.vocab, merges, text]);
  for (const family of FAMILIES) {
    const tokenizer = small(read(`tokenizers/${family}.json`));
    for (const text of TEXTS) keep("tokenizer", [0, 0, 0, 0], [tokenizer, "", text]);
  }
}
