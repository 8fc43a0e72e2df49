/**
 * BERT's tokenizer of a `vocab.txt`, a token a line, and of what `tokenizer_config.json` says beside it: as the `tokenizer.json` that
 * transformers makes of them. What is not said is BERT's default. `src/model/word_pieces.rs` does the same natively.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";

/** Classes of transformers that make this tokenizer. */
const CLASSES = /^(Distil)?BertTokenizer(Fast)?$/;
/** Tokens that there may be. */
const MOST_TOKENS = 1 << 20;
/** Letters of a class or a token that are repeated in an error. */
const LONGEST_NAME = 100;

const invalid = (message: string, cause?: unknown): ClipVisionError => new ClipVisionError("config", message, { cause });
const { wordPieces: VOCABULARY, tokenizerConfig: CONFIG } = FILE_NAMES;

/** The bytes of a `tokenizer.json`. Throws `config`. */
export function tokenizerJson(vocabulary: Uint8Array, config: Uint8Array | undefined): Uint8Array {
  const settings = settingsOf(config);
  const ids = new Map<string, number>();
  // Of a token that stands there twice the last place counts.
  const lines = textOf(vocabulary).split("\n", MOST_TOKENS + 2);
  if (lines.length > MOST_TOKENS + 1) throw invalid(`${VOCABULARY} has more tokens than ${MOST_TOKENS}`);
  for (const [id, line] of lines.entries()) {
    const token = line.replace(/\p{White_Space}+$/u, "");
    if (token !== "") ids.set(token, id);
  }
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id === undefined) throw invalid(`${VOCABULARY} has no token ${JSON.stringify(shortened(token))}`);
    return id;
  };
  const special = (kind: string): string => {
    const value = settings[`${kind}_token`] ?? `[${kind.toUpperCase()}]`;
    const text = typeof value === "object" ? (value as { content?: unknown }).content : value;
    if (typeof text !== "string") throw invalid(`${CONFIG}: ${kind}_token is no token`);
    return text;
  };
  const on = (key: string, otherwise: boolean | null): boolean | null => {
    const value = settings[key] ?? otherwise;
    if (value !== null && typeof value !== "boolean") throw invalid(`${CONFIG}: ${key} must be true or false`);
    return value;
  };

  const [unknown, start, end] = [special("unk"), special("cls"), special("sep")];
  const special_tokens = Object.fromEntries([start, end].map((token) => [token, { id: token, ids: [idOf(token)], tokens: [token] }]));
  idOf(unknown);
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const added_tokens = ["pad", "unk", "cls", "sep", "mask"].flatMap((kind) => {
    const content = special(kind);
    const id = ids.get(content);
    return id === undefined ? [] : [{ id, content, ...flags }];
  });
  const piece = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const single = [piece(start, 0), sequence("A", 0), piece(end, 0)];
  const file = {
    version: "1.0",
    added_tokens,
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: on("tokenize_chinese_chars", true),
      strip_accents: on("strip_accents", null),
      lowercase: on("do_lower_case", true),
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "TemplateProcessing", single, pair: [...single, sequence("B", 1), piece(end, 1)], special_tokens },
    model: {
      type: "WordPiece",
      unk_token: unknown,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
  return new TextEncoder().encode(JSON.stringify(file));
}

function textOf(vocabulary: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(vocabulary);
  } catch (cause) {
    throw invalid(`${VOCABULARY} is not UTF-8 text`, cause);
  }
}

function settingsOf(config: Uint8Array | undefined): Record<string, unknown> {
  if (config === undefined) return {};
  let settings: unknown;
  try {
    settings = JSON.parse(new TextDecoder().decode(config));
  } catch {
    settings = undefined;
  }
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) throw invalid(`${CONFIG} is not a JSON object`);
  const { tokenizer_class: name } = settings as Record<string, unknown>;
  if (typeof name === "string" && !CLASSES.test(name)) {
    const known = "BertTokenizer and DistilBertTokenizer are read";
    throw invalid(`${CONFIG}: tokenizer_class is ${JSON.stringify(shortened(name))}; without a ${FILE_NAMES.tokenizer} ${known}`);
  }
  return settings as Record<string, unknown>;
}

const shortened = (text: string): string => [...text].slice(0, LONGEST_NAME).join("");
