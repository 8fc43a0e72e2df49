/**
 * What of a `tokenizer.json` is let through to the tokenizers library.
 *
 * The file comes from strangers, and a regular expression of theirs may take a worker's time forever, a few components all
 * memory. So only the components and the expressions are read that the tokenizers of CLIP, SigLIP, MetaCLIP 2 and BERT have,
 * each component once; what else the file says, of padding or of decoding, is left behind. `src/…/tokenizer/file.rs` is the
 * same for Rust, and says more about why; both are tested by `tests/golden/tokenizers.json`.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";
import type { AddedToken } from "./tokenizer/added_tokens.js";
import type { Component } from "./tokenizer/components.js";

/** What CLIP takes for a word: special tokens, English endings, letters, one digit, or other signs. */
export const WORD = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** The same without the special tokens, as older files have it. */
const OLDER_WORD = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** What becomes one space. */
export const SPACES = "\\s+";
/** What T5's kind of tokenizer takes for one space. */
const MANY_SPACES = " {2,}";
/** What SigLIP's tokenizers leave out: Python's `string.punctuation`, as `re.escape` writes it. */
const PUNCTUATION = "[!\"\\#\\$%\\&'\\(\\)\\*\\+,\\-\\./:;<=>\\?@\\[\\\\\\]\\^_`\\{\\|\\}\\~]";
/** What stands for a space in sentencepiece's tokens. */
const METASPACE = "▁";

/** Pieces of a template, and its special tokens. */
const MOST_PARTS = 16;
/** Added tokens, and letters of one. */
const MOST_ADDED = 4096;
const LONGEST_ADDED = 256;
/** Letters of what marks the end of a word, which is copied for each. */
const LONGEST_SUFFIX = 64;
/** Letters of a token of Unigram; sentencepiece's own limit is 16, unless its user says otherwise. */
const LONGEST_PIECE = 256;
/** Letters of a word, of which WordPiece looks at all beginnings of all endings; BERT's limit. */
const LONGEST_WORD = 100;
/** Ids are below it, and there are no more merges. */
const MOST_TOKENS = 1 << 20;

type Keys = Record<string, unknown>;

function refused(part: string, why: string): ClipVisionError {
  return new ClipVisionError("config", `${FILE_NAMES.tokenizer}: ${part}: ${why.slice(0, 300)}`);
}

const isKeys = (value: unknown): value is Keys => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < MOST_TOKENS;
const isText = (value: unknown): value is string => typeof value === "string";
/** Whether a text has more than `most` letters, as Rust counts them: of a pair of surrogates one. */
const isLong = (text: string, most: number): boolean => text.length > most && (text.length > 2 * most || [...text].length > most);

/** A value in a message: what is inside a list or an object may be deep. */
const shown = (value: unknown): string => (typeof value === "object" && value !== null ? "a list or an object" : String(value));

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
function component(part: string, value: unknown, known: readonly string[]): Component {
  const keys = keysOf(part, value);
  const { type } = keys;
  if (!isText(type)) throw refused(part, "it has no type");
  if (!known.includes(type)) throw refused(part, `${type} is none that these models have: ${known.join(", ")}`);
  return { ...keys, type };
}

/** A component, or the members of a sequence, each as `read` has it. */
function sequence(part: string, value: unknown, members: string, known: readonly string[], read: (keys: Component) => Component) {
  if (value === null || value === undefined) return null;
  const outer = component(part, value, [...known, "Sequence"]);
  if (outer.type !== "Sequence") return read(outer);
  const inner = listOf(`${part} Sequence`, outer[members], known.length + 2).map((member) => read(component(part, member, known)));
  // Replacements may be several, of different places.
  const kinds = inner.map(({ type, pattern }) => (type === "Replace" ? JSON.stringify(pattern) : type));
  if (new Set(kinds).size < inner.length) throw refused(part, "a Sequence with a component twice");
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

/** A regular expression, one of `known`. */
function expression(part: string, pattern: unknown, known: readonly string[]): { Regex: string } {
  const keys = keysOf(part, pattern);
  const { Regex } = keys;
  if (!isText(Regex) || Object.keys(keys).length !== 1) throw refused(part, `a pattern of ${Object.keys(keys).join(", ")}`);
  if (!known.includes(Regex)) throw refused(part, `the regular expression ${Regex} is none that these models have`);
  return { Regex };
}

function normalizer(value: unknown): Component | null {
  const part = "normalizer";
  const known = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Replace", "BertNormalizer", "Precompiled"];
  return sequence(part, value, "normalizers", known, (keys) => {
    const { type } = keys;
    if (type === "Replace") return replacement(part, keys);
    if (type === "Strip") return { type, ...switches(part, keys, "strip_left", "strip_right") };
    if (type === "BertNormalizer") {
      const strip_accents = keys["strip_accents"] ?? null;
      if (strip_accents !== null && typeof strip_accents !== "boolean") throw refused(part, "strip_accents is neither true nor false");
      return { type, strip_accents, ...switches(part, keys, "clean_text", "handle_chinese_chars", "lowercase") };
    }
    if (type !== "Precompiled") return { type };
    const { precompiled_charsmap } = keys;
    if (!isText(precompiled_charsmap)) throw refused(part, "a Precompiled without its precompiled_charsmap");
    return { type, precompiled_charsmap };
  });
}

/** Nothing becomes longer than it is by more than the bytes of one letter. */
function replacement(part: string, { type, pattern, content }: Component): Component {
  const places = place(part, type, pattern, [SPACES, MANY_SPACES, PUNCTUATION]);
  const { Regex } = places;
  const known = Regex === SPACES ? " " : Regex === PUNCTUATION ? "" : METASPACE;
  if (content !== known) throw refused(part, `a Replace by another text than "${known}"`);
  return { type, pattern: places, content };
}

/** What is looked for in a text: a regular expression, one of `known`, or a space. */
function place(part: string, type: string, pattern: unknown, known: readonly string[]): { Regex?: string; String?: string } {
  const keys = keysOf(part, pattern);
  if (Object.keys(keys).length === 1 && isText(keys["String"])) {
    if (keys["String"] !== " ") throw refused(part, `a ${type} of the String ${JSON.stringify(keys["String"])}`);
    return { String: " " };
  }
  return expression(part, pattern, known);
}

function preTokenizer(value: unknown): Component | null {
  const part = "pre_tokenizer";
  const known = ["Split", "Digits", "ByteLevel", "WhitespaceSplit", "BertPreTokenizer", "Metaspace"];
  return sequence(part, value, "pretokenizers", known, (keys) => {
    const { type } = keys;
    if (type === "Digits") return { type, ...switches(part, keys, "individual_digits") };
    if (type === "ByteLevel") return { type, ...switches(part, { use_regex: true, ...keys }, "add_prefix_space", "trim_offsets", "use_regex") };
    if (type === "Metaspace") return metaspace(part, keys);
    return type === "Split" ? split(part, keys) : { type };
  });
}

function split(part: string, keys: Component): Component {
  const { type, behavior } = keys;
  if (behavior !== "Removed" && behavior !== "Isolated" && behavior !== "MergedWithPrevious") {
    throw refused(part, `a Split of behavior ${shown(behavior)}`);
  }
  const pattern = place(part, type, keys["pattern"], [WORD, OLDER_WORD]);
  const { invert } = switches(part, keys, "invert");
  const isGemma = pattern.String !== undefined && behavior === "MergedWithPrevious" && !invert;
  if (pattern.String !== undefined && !isGemma) throw refused(part, "a Split at a String that is none of Gemma's");
  if (pattern.Regex !== undefined && behavior === "MergedWithPrevious") throw refused(part, `a Split at an expression of behavior ${behavior}`);
  return { type, pattern, behavior, invert };
}

function metaspace(part: string, keys: Component): Component {
  const { type, replacement, add_prefix_space } = keys;
  if (replacement !== METASPACE) throw refused(part, "a Metaspace of another sign than sentencepiece's");
  const prepend_scheme = add_prefix_space === false ? "never" : (keys["prepend_scheme"] ?? "always");
  if (!["always", "first", "never"].includes(prepend_scheme as string)) throw refused(part, `a Metaspace of prepend_scheme ${shown(prepend_scheme)}`);
  return { type, replacement, prepend_scheme, ...switches(part, { split: true, ...keys }, "split") };
}

function postProcessor(value: unknown): Component | null {
  if (value === null || value === undefined) return null;
  const keys = component("post_processor", value, ["RobertaProcessing", "TemplateProcessing"]);
  return keys.type === "RobertaProcessing" ? roberta(keys) : template(keys);
}

function roberta(keys: Component): Component {
  const part = "post_processor";
  const end = (value: unknown) => {
    const [token, id] = listOf(part, value, 2);
    if (!isText(token) || !isId(id)) throw refused(part, "a RobertaProcessing without its tokens");
    return [token, id];
  };
  return { type: keys.type, sep: end(keys["sep"]), cls: end(keys["cls"]), ...switches(part, keys, "trim_offsets", "add_prefix_space") };
}

function template(keys: Component): Component {
  const part = "post_processor: TemplateProcessing";
  const tokens = Object.entries(keysOf(part, keys["special_tokens"]));
  if (tokens.length > MOST_PARTS) throw refused(part, "too many special tokens");
  const special = tokens.map(([name, token]) => {
    const { id, ids, tokens: texts } = keysOf(part, token);
    const [only] = listOf(part, ids, 1);
    const [same] = listOf(part, texts, 1);
    if (id !== name || same !== name || !isId(only)) throw refused(part, `its token ${name} has other ids`);
    return [name, { id, ids: [only], tokens: [same] }] as const;
  });
  const special_tokens = Object.fromEntries(special);
  const pieces = (list: unknown, sequences: readonly unknown[]) =>
    listOf(part, list, MOST_PARTS).map((piece) => {
      const [[kind, value] = ["", null], ...more] = Object.entries(keysOf(part, piece));
      const { id, type_id } = keysOf(part, value);
      const known = kind === "SpecialToken" ? isText(id) && Object.hasOwn(special_tokens, id) : kind === "Sequence" && sequences.includes(id);
      if (!known || more.length || !isId(type_id)) throw refused(part, "a piece that it does not say");
      return { [kind]: { id, type_id } };
    });
  const [single, pair] = [pieces(keys["single"], ["A"]), pieces(keys["pair"], ["A", "B"])];
  if (single.filter((piece) => "Sequence" in piece).length !== 1) throw refused(part, "it has its text not once");
  return { type: keys.type, single, pair, special_tokens };
}

function addedTokens(value: unknown): AddedToken[] {
  const part = "added_tokens";
  return listOf(part, value ?? [], MOST_ADDED).map((token) => {
    const keys = keysOf(part, token);
    const { id, content } = keys;
    if (!isText(content)) throw refused(part, "one without its content");
    if (!isId(id) || isLong(content, LONGEST_ADDED)) throw refused(part, `token ${shown(id)} of ${content.length} letters`);
    return { id, content, ...switches(part, keys, "single_word", "lstrip", "rstrip", "normalized", "special") } as unknown as AddedToken;
  });
}

function model(value: unknown): Component {
  const part = "model";
  const keys = component(part, { type: "BPE", ...keysOf(part, value) }, ["BPE", "Unigram", "WordPiece"]);
  if (keys.type === "Unigram") return unigram(part, keys);
  return keys.type === "WordPiece" ? wordPiece(part, keys) : bpe(part, keys);
}

/** A vocabulary of tokens and their ids. */
function vocabulary(part: string, value: unknown): Keys {
  const vocab = keysOf(part, value);
  const ids = Object.values(vocab);
  if (ids.length > MOST_TOKENS || !ids.every(isId)) throw refused(part, `ids from ${MOST_TOKENS} on`);
  return vocab;
}

/** sentencepiece's Unigram: the tokens of the best sum of scores. */
function unigram(part: string, { type, vocab, unk_id, byte_fallback }: Component): Component {
  const tokens = listOf(`${part}: a Unigram`, vocab, MOST_TOKENS);
  if (!isId(unk_id) || unk_id >= tokens.length) throw refused(part, "a Unigram without its unk_id");
  if ((byte_fallback ?? false) !== false) throw refused(part, "a Unigram with byte_fallback");
  for (const pair of tokens) {
    // Of a million tokens each: nothing is made.
    const [token, score]: unknown[] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (!isText(token) || isLong(token, LONGEST_PIECE) || !Number.isFinite(score)) {
      throw refused(part, "a Unigram with a long token, or one without a score");
    }
  }
  return { type, vocab: tokens, unk_id };
}

/** BERT's WordPiece: the longest token that a word begins with, and so on. */
function wordPiece(part: string, keys: Component): Component {
  const { type, unk_token, continuing_subword_prefix, max_input_chars_per_word } = keys;
  const vocab = vocabulary(part, keys["vocab"]);
  if (!isText(unk_token) || !Object.hasOwn(vocab, unk_token)) throw refused(part, "a WordPiece without its unk_token");
  if (!isText(continuing_subword_prefix) || isLong(continuing_subword_prefix, LONGEST_SUFFIX)) {
    throw refused(part, "a WordPiece with a long continuing_subword_prefix");
  }
  if (!isId(max_input_chars_per_word) || max_input_chars_per_word > LONGEST_WORD) {
    throw refused(part, `a WordPiece of words of more letters than ${LONGEST_WORD}`);
  }
  return { type, unk_token, continuing_subword_prefix, max_input_chars_per_word, vocab };
}

/** Byte pair encoding. A prefix of what goes on within a word, and merges that are left out at random, no model here has. */
function bpe(part: string, keys: Component): Component {
  if ((keys["dropout"] ?? 0) !== 0) throw refused(part, "a dropout, which makes ids random");
  if ((keys["continuing_subword_prefix"] ?? "") !== "") throw refused(part, "a continuing_subword_prefix");
  const suffix = keys["end_of_word_suffix"] ?? null;
  if (suffix !== null && !(isText(suffix) && !isLong(suffix, LONGEST_SUFFIX))) throw refused(part, "a long end_of_word_suffix");
  const unknown = keys["unk_token"] ?? null;
  if (unknown !== null && !isText(unknown)) throw refused(part, "an unk_token that is no text");
  const vocab = vocabulary(part, keys["vocab"]);
  const merges = listOf(part, keys["merges"], MOST_TOKENS + 1);
  // The first line of a merges.txt, taken for a merge.
  if (isText(merges[0]) && merges[0].startsWith("#version")) merges.shift();
  if (merges.length > MOST_TOKENS) throw refused(part, `more merges than ${MOST_TOKENS}`);
  for (const merge of merges) {
    const [left, right, ...more] = isText(merge) ? (/^([^ ]*) (.*)$/s.exec(merge)?.slice(1) ?? [merge]) : listOf(part, merge, 2);
    const missing = [left, right, isText(left) && isText(right) ? left + right : ""].find((token) => !isText(token) || !Object.hasOwn(vocab, token));
    if (missing !== undefined || right === undefined || more.length > 0) {
      throw refused(part, `its merges have ${shown(missing)}, which its vocab has not`);
    }
  }
  const later = switches(part, { fuse_unk: false, byte_fallback: false, ignore_merges: false, ...keys }, "fuse_unk", "byte_fallback", "ignore_merges");
  return { type: "BPE", unk_token: unknown, end_of_word_suffix: suffix, ...later, vocab, merges };
}

/** The parts of a `tokenizer.json` that make ids of texts. */
export interface KnownTokenizer {
  addedTokens: AddedToken[];
  normalizer: Component | null;
  preTokenizer: Component | null;
  postProcessor: Component | null;
  model: Component;
}

/** Reads them. Throws `config`, naming what none of these models has. */
export function knownTokenizer(file: Keys): KnownTokenizer {
  return {
    addedTokens: addedTokens(file["added_tokens"]),
    normalizer: normalizer(file["normalizer"]),
    preTokenizer: preTokenizer(file["pre_tokenizer"]),
    postProcessor: postProcessor(file["post_processor"]),
    model: model(file["model"]),
  };
}
