/**
 * What of a `tokenizer.json` is let through to the tokenizers library.
 *
 * The file comes from strangers, and a regular expression of theirs may take a worker's time for ever, a few replacements all
 * memory. So only the components and the expressions are read that CLIP's tokenizers have; what else the file says, of
 * padding or of decoding, is left behind. `src/towers/tokenizer/file.rs` is the same for Rust, and says more about why; both
 * are tested by `tests/golden/tokenizers.json`.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";

/** What CLIP takes for a word: special tokens, English endings, letters, one digit, or other signs. */
export const WORD = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** The same without the special tokens, as older files have it. */
const OLDER_WORD = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** What becomes one space. */
export const SPACES = "\\s+";

/** Members of a sequence, pieces of a template. */
const MOST_PARTS = 16;
/** Added tokens, and letters of one. */
const MOST_ADDED = 4096;
const LONGEST_ADDED = 256;
/** Letters of what marks the end of a word, which is copied for each. */
const LONGEST_SUFFIX = 64;
/** Ids are below it. */
const MOST_TOKENS = 1 << 20;

type Keys = Record<string, unknown>;

function refused(part: string, why: string): ClipVisionError {
  return new ClipVisionError("config", `${FILE_NAMES.tokenizer}: ${part}: ${why.slice(0, 300)}`);
}

const isKeys = (value: unknown): value is Keys => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < MOST_TOKENS;
const isText = (value: unknown): value is string => typeof value === "string";

/** What is to be an object: its keys. */
function keysOf(part: string, value: unknown): Keys {
  if (!isKeys(value)) throw refused(part, "not an object");
  return value;
}

/** What is to be a list, of no more than `most`. */
function listOf(part: string, value: unknown, most: number): unknown[] {
  if (!Array.isArray(value)) throw refused(part, "not a list");
  if (value.length > most) throw refused(part, `${value.length} of them, more than ${most}`);
  return value;
}

/** A component with its type, which is one of `known`. */
function component(part: string, value: unknown, known: readonly string[]): Keys & { type: string } {
  const keys = keysOf(part, value);
  const { type } = keys;
  if (!isText(type)) throw refused(part, "it has no type");
  if (!known.includes(type)) throw refused(part, `${type} is none that CLIP models have: ${known.join(", ")}`);
  return { ...keys, type };
}

/** A component, or the members of a sequence: each checked. */
function sequence(part: string, value: unknown, members: string, known: readonly string[], check: (keys: Keys & { type: string }) => void) {
  if (value === null || value === undefined) return null;
  const outer = component(part, value, [...known, "Sequence"]);
  if (outer.type !== "Sequence") {
    check(outer);
    return outer;
  }
  const inner = listOf(`${part} Sequence`, outer[members], MOST_PARTS - 1).map((member) => component(part, member, known));
  inner.forEach(check);
  return { type: outer.type, [members]: inner };
}

/** Keys that are true or false. */
function switches(part: string, keys: Keys, ...names: string[]): Record<string, boolean> {
  const entries = names.map((name) => {
    const value = keys[name];
    if (typeof value !== "boolean") throw refused(part, `${name} is neither true nor false`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

function checkExpression(part: string, pattern: unknown, known: readonly string[]): void {
  const keys = keysOf(part, pattern);
  const { Regex: expression } = keys;
  if (!isText(expression) || Object.keys(keys).length !== 1) throw refused(part, `a pattern of ${Object.keys(keys).join(", ")}`);
  if (!known.includes(expression)) throw refused(part, `the regular expression ${expression} is none that CLIP models have`);
}

function normalizer(value: unknown) {
  const part = "normalizer";
  const known = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Replace"];
  return sequence(part, value, "normalizers", known, ({ type, pattern, content }) => {
    if (type !== "Replace") return;
    checkExpression(part, pattern, [SPACES]);
    if (content !== " ") throw refused(part, "a Replace by another text than a space");
  });
}

function preTokenizer(value: unknown) {
  const part = "pre_tokenizer";
  return sequence(part, value, "pretokenizers", ["Split", "Digits", "ByteLevel"], ({ type, pattern, behavior }) => {
    if (type !== "Split") return;
    checkExpression(part, pattern, [WORD, OLDER_WORD]);
    if (behavior !== "Removed" && behavior !== "Isolated") throw refused(part, `a Split of behavior ${String(behavior)}`);
  });
}

function postProcessor(value: unknown) {
  const part = "post_processor";
  if (value === null || value === undefined) return null;
  const keys = component(part, value, ["RobertaProcessing", "TemplateProcessing"]);
  if (keys.type === "RobertaProcessing") {
    for (const end of [keys["sep"], keys["cls"]]) {
      const [token, id] = listOf(part, end, 2);
      if (!isText(token) || !isId(id)) throw refused(part, "a RobertaProcessing without its tokens");
    }
    return keys;
  }
  const template = `${part}: TemplateProcessing`;
  const special = keysOf(template, keys["special_tokens"]);
  for (const [id, token] of Object.entries(special)) {
    const { ids, tokens } = keysOf(template, token);
    if (listOf(template, ids, MOST_PARTS).length !== listOf(template, tokens, MOST_PARTS).length) {
      throw refused(template, `its token ${id} has other ids`);
    }
  }
  for (const [pieces, sequences] of [[keys["single"], ["A"]], [keys["pair"], ["A", "B"]]] as const) {
    for (const piece of listOf(template, pieces, MOST_PARTS)) {
      const { SpecialToken: token, Sequence: text } = keysOf(template, piece);
      const known = isKeys(token) ? Object.hasOwn(special, String(token["id"])) : isKeys(text) && sequences.includes(String(text["id"]) as "A");
      if (!known) throw refused(template, "a piece that it does not say");
    }
  }
  return keys;
}

function addedTokens(value: unknown): Keys[] {
  const part = "added_tokens";
  return listOf(part, value ?? [], MOST_ADDED).map((token) => {
    const keys = keysOf(part, token);
    const { id, content } = keys;
    if (!isText(content)) throw refused(part, "one without its content");
    if (!isId(id) || content.length > LONGEST_ADDED) throw refused(part, `token ${String(id)} of ${content.length} letters`);
    return { id, content, ...switches(part, keys, "single_word", "lstrip", "rstrip", "normalized", "special") };
  });
}

/** Byte pair encoding. A prefix of what goes on within a word, and merges that are left out at random, no CLIP has. */
function model(value: unknown): Keys {
  const part = "model";
  const keys = component(part, { type: "BPE", ...keysOf(part, value) }, ["BPE"]);
  if (keys["dropout"]) throw refused(part, "a dropout, which makes ids random");
  if (keys["continuing_subword_prefix"]) throw refused(part, "a continuing_subword_prefix");
  const suffix = keys["end_of_word_suffix"] ?? null;
  if (suffix !== null && !(isText(suffix) && suffix.length <= LONGEST_SUFFIX)) throw refused(part, "a long end_of_word_suffix");
  const unknown = keys["unk_token"] ?? null;
  if (unknown !== null && !isText(unknown)) throw refused(part, "an unk_token that is no text");
  const vocab = keysOf(part, keys["vocab"]);
  for (const id of Object.values(vocab)) {
    if (!isId(id)) throw refused(part, `ids from ${MOST_TOKENS} on`);
  }
  for (const merge of listOf(part, keys["merges"], MOST_TOKENS)) {
    const [left, right, ...more] = isText(merge) ? (/^([^ ]*) (.*)$/s.exec(merge)?.slice(1) ?? [merge]) : listOf(part, merge, 2);
    const missing = [left, right, `${String(left)}${String(right)}`].find((token) => !isText(token) || !Object.hasOwn(vocab, token));
    if (missing !== undefined || right === undefined || more.length > 0) {
      throw refused(part, `its merges have ${String(missing)}, which its vocab has not`);
    }
  }
  const later = switches(part, { fuse_unk: false, byte_fallback: false, ignore_merges: false, ...keys }, "fuse_unk", "byte_fallback", "ignore_merges");
  return { type: "BPE", unk_token: unknown, end_of_word_suffix: suffix, ...later, vocab, merges: keys["merges"] };
}

/** The parts of a `tokenizer.json` that make ids of texts, as its library takes them. Throws `config`, naming what no CLIP has. */
export function knownTokenizer(file: Keys): Keys {
  return {
    version: "1.0",
    added_tokens: addedTokens(file["added_tokens"]),
    normalizer: normalizer(file["normalizer"]),
    pre_tokenizer: preTokenizer(file["pre_tokenizer"]),
    post_processor: postProcessor(file["post_processor"]),
    decoder: null,
    model: model(file["model"]),
  };
}
