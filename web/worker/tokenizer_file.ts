/**
 * What of a `tokenizer.json` is let through to the tokenizers library.
 *
 * The file comes from strangers, and a regular expression of theirs may take a worker's time forever, a few components all
 * memory. So only the components and the expressions are read that CLIP's tokenizers have, each component once; what else the
 * file says, of padding or of decoding, is left behind. `src/towers/tokenizer/file.rs` is the same for Rust, and says more
 * about why; both are tested by `tests/golden/tokenizers.json`.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";

/** What CLIP takes for a word: special tokens, English endings, letters, one digit, or other signs. */
export const WORD = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** The same without the special tokens, as older files have it. */
const OLDER_WORD = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
/** What becomes one space. */
export const SPACES = "\\s+";

/** Pieces of a template, and its special tokens. */
const MOST_PARTS = 16;
/** Added tokens, and letters of one. */
const MOST_ADDED = 4096;
const LONGEST_ADDED = 256;
/** Letters of what marks the end of a word, which is copied for each. */
const LONGEST_SUFFIX = 64;
/** Ids are below it, and there are no more merges. */
const MOST_TOKENS = 1 << 20;

type Keys = Record<string, unknown>;
type Component = Keys & { type: string };

function refused(part: string, why: string): ClipVisionError {
  return new ClipVisionError("config", `${FILE_NAMES.tokenizer}: ${part}: ${why.slice(0, 300)}`);
}

const isKeys = (value: unknown): value is Keys => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < MOST_TOKENS;
const isText = (value: unknown): value is string => typeof value === "string";
/** Whether a text has more than `most` letters, as Rust counts them: of a pair of surrogates one. */
const isLong = (text: string, most: number): boolean => text.length > 2 * most || [...text].length > most;

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
  if (!known.includes(type)) throw refused(part, `${type} is none that CLIP models have: ${known.join(", ")}`);
  return { ...keys, type };
}

/** A component, or the members of a sequence, each as `read` has it. */
function sequence(part: string, value: unknown, members: string, known: readonly string[], read: (keys: Component) => Component) {
  if (value === null || value === undefined) return null;
  const outer = component(part, value, [...known, "Sequence"]);
  if (outer.type !== "Sequence") return read(outer);
  const inner = listOf(`${part} Sequence`, outer[members], known.length).map((member) => read(component(part, member, known)));
  if (new Set(inner.map(({ type }) => type)).size < inner.length) throw refused(part, "a Sequence with a component twice");
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
function expression(part: string, pattern: unknown, known: readonly string[]): Keys {
  const keys = keysOf(part, pattern);
  const { Regex } = keys;
  if (!isText(Regex) || Object.keys(keys).length !== 1) throw refused(part, `a pattern of ${Object.keys(keys).join(", ")}`);
  if (!known.includes(Regex)) throw refused(part, `the regular expression ${Regex} is none that CLIP models have`);
  return { Regex };
}

function normalizer(value: unknown) {
  const part = "normalizer";
  const known = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Replace"];
  return sequence(part, value, "normalizers", known, ({ type, pattern, content }) => {
    if (type !== "Replace") return { type };
    const spaces = expression(part, pattern, [SPACES]);
    if (content !== " ") throw refused(part, "a Replace by another text than a space");
    return { type, pattern: spaces, content };
  });
}

function preTokenizer(value: unknown) {
  const part = "pre_tokenizer";
  return sequence(part, value, "pretokenizers", ["Split", "Digits", "ByteLevel"], (keys) => {
    const { type, behavior } = keys;
    if (type === "Digits") return { type, ...switches(part, keys, "individual_digits") };
    if (type === "ByteLevel") return { type, ...switches(part, { use_regex: true, ...keys }, "add_prefix_space", "trim_offsets", "use_regex") };
    const pattern = expression(part, keys["pattern"], [WORD, OLDER_WORD]);
    if (behavior !== "Removed" && behavior !== "Isolated") throw refused(part, `a Split of behavior ${shown(behavior)}`);
    return { type, pattern, behavior, ...switches(part, keys, "invert") };
  });
}

function postProcessor(value: unknown) {
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

function addedTokens(value: unknown): Keys[] {
  const part = "added_tokens";
  return listOf(part, value ?? [], MOST_ADDED).map((token) => {
    const keys = keysOf(part, token);
    const { id, content } = keys;
    if (!isText(content)) throw refused(part, "one without its content");
    if (!isId(id) || isLong(content, LONGEST_ADDED)) throw refused(part, `token ${shown(id)} of ${content.length} letters`);
    return { id, content, ...switches(part, keys, "single_word", "lstrip", "rstrip", "normalized", "special") };
  });
}

/** Byte pair encoding. A prefix of what goes on within a word, and merges that are left out at random, no CLIP has. */
function model(value: unknown): Keys {
  const part = "model";
  const keys = component(part, { type: "BPE", ...keysOf(part, value) }, ["BPE"]);
  if ((keys["dropout"] ?? 0) !== 0) throw refused(part, "a dropout, which makes ids random");
  if ((keys["continuing_subword_prefix"] ?? "") !== "") throw refused(part, "a continuing_subword_prefix");
  const suffix = keys["end_of_word_suffix"] ?? null;
  if (suffix !== null && !(isText(suffix) && !isLong(suffix, LONGEST_SUFFIX))) throw refused(part, "a long end_of_word_suffix");
  const unknown = keys["unk_token"] ?? null;
  if (unknown !== null && !isText(unknown)) throw refused(part, "an unk_token that is no text");
  const vocab = keysOf(part, keys["vocab"]);
  const ids = Object.values(vocab);
  if (ids.length > MOST_TOKENS || !ids.every(isId)) throw refused(part, `ids from ${MOST_TOKENS} on`);
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
