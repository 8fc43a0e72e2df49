/**
 * Text -> token ids, as the Rust tokenizers of transformers make them. BPE, WordPiece and CLIP's words are Hugging Face's
 * JavaScript tokenizers' (`@huggingface/tokenizers`), of which the build puts a copy into `vendor/`: so a page without a
 * bundler needs no import map, which a worker would not see. The rest, where that library differs, is in `tokenizer/`.
 *
 * In a browser this is a script of its own (`tokenizer.ts`), fetched when the first text comes.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";
import type { Tokenizer, TokenizerFiles } from "./texts.js";
import { splitter } from "./tokenizer/added_tokens.js";
import type { Component } from "./tokenizer/components.js";
import { modelOf } from "./tokenizer/models.js";
import { normalizerOf } from "./tokenizer/normalizers.js";
import { preTokenizerOf } from "./tokenizer/pre_tokenizers.js";
import { SPACES, WORD, knownTokenizer, type KnownTokenizer } from "./tokenizer_file.js";

const START = "<|startoftext|>";
const END = "<|endoftext|>";
/** Letters of a text that are read. The longest context of a CLIP ends long before. */
const LONGEST_TEXT = 1 << 16;
/** Tokens of a CLIP that no merge leads to: 256 bytes, each within a word and at its end, and the start and the end token. */
const UNMERGED = 514;

const invalid = (message: string, cause?: unknown): ClipVisionError => new ClipVisionError("config", message, { cause });

function parse(bytes: Uint8Array, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalid(`${name} is not JSON`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${name} is not a JSON object`);
  return value as Record<string, unknown>;
}

/** What `vocab.json` and `merges.txt` leave unsaid, since it is the same for every CLIP. */
function completed(vocab: Record<string, unknown>, merges: string): Record<string, unknown> {
  const special = (content: string) => {
    if (typeof vocab[content] !== "number") throw invalid(`${FILE_NAMES.vocab} has no token ${content}`);
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    return { id: vocab[content], content, ...flags };
  };
  return {
    version: "1.0",
    added_tokens: [special(START), special(END)],
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "NFC" }, { type: "Replace", pattern: { Regex: SPACES }, content: " " }, { type: "Lowercase" }],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: WORD }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      trim_offsets: false,
      add_prefix_space: false,
      cls: [START, vocab[START]],
      sep: [END, vocab[END]],
    },
    model: {
      type: "BPE",
      unk_token: END,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges: within(vocab, merges.split(/\r?\n/).filter((line) => line !== "")),
    },
  };
}

/**
 * The lines of a `merges.txt` that make up a vocabulary. OpenAI's own file goes on beyond it; of a file that never makes it up
 * nothing is left out, and the first token that the vocabulary has not is an error.
 */
function within(vocab: Record<string, unknown>, lines: readonly string[]): readonly string[] {
  const merges = lines[0]?.startsWith("#version") ? lines.slice(1) : lines;
  const beyond = merges.findIndex((line) => !/^[^ ]+ [^ ]+$/.test(line) || !Object.hasOwn(vocab, line.replace(" ", "")));
  return beyond >= 0 && beyond + UNMERGED >= Object.keys(vocab).length ? merges.slice(0, beyond) : merges;
}

/** The beginning of a text, as long as Rust's: a pair of surrogates is one letter. */
function beginning(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  return [...text.slice(0, 2 * LONGEST_TEXT)].slice(0, LONGEST_TEXT).join("");
}

/** The tokenizer of a model's files. Throws `config`. */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  const config =
    "json" in files
      ? parse(files.json, FILE_NAMES.tokenizer)
      : completed(parse(files.vocab, FILE_NAMES.vocab), new TextDecoder().decode(files.merges));
  const known = knownTokenizer(config);
  const encode = encoder(known);
  const { starts, ends } = frame(known.postProcessor);
  return {
    padding: paddingOf(config["padding"]),
    ids(text, longest) {
      const ids = encode(beginning(text));
      return Uint32Array.from([...starts, ...ids.slice(0, Math.max(0, longest - starts.length - ends.length)), ...ends].slice(0, longest));
    },
  };
}

/** The token that a `tokenizer.json` fills up texts with. */
function paddingOf(padding: unknown): number | undefined {
  const id = (padding as { pad_id?: unknown } | null | undefined)?.pad_id;
  return Number.isInteger(id) && Number(id) >= 0 ? Number(id) : undefined;
}

/** Text -> ids, without special tokens around them. */
function encoder({ addedTokens, normalizer, preTokenizer, model }: KnownTokenizer): (text: string) => number[] {
  const normalize = charsmapChecked(() => normalizerOf(normalizer));
  const [raw, later] = [false, true].map((kind) => addedTokens.filter((token) => token.normalized === kind));
  const [splitRaw, splitNormalized] = [splitter(raw ?? [], undefined), splitter(later ?? [], normalize)];
  const [preTokenize, tokens] = [preTokenizerOf(preTokenizer), modelOf(model)];
  return (text) =>
    splitRaw(text, true).flatMap((piece) => {
      if ("id" in piece) return [piece.id];
      const normalized = normalize(piece.text);
      if (normalized === "") return [];
      return splitNormalized(normalized, piece.first).flatMap((part) =>
        "id" in part ? [part.id] : tokens(preTokenize(part).map((word) => word.text)),
      );
    });
}

function charsmapChecked<T>(read: () => T): T {
  try {
    return read();
  } catch (why) {
    if (typeof why !== "string") throw why;
    throw invalid(`${FILE_NAMES.tokenizer}: normalizer: a Precompiled whose precompiled_charsmap ${why}`);
  }
}

/** The ids around a text. */
function frame(postProcessor: Component | null): { starts: number[]; ends: number[] } {
  if (postProcessor === null) return { starts: [], ends: [] };
  if (postProcessor.type === "RobertaProcessing") {
    const { cls, sep } = postProcessor as unknown as { cls: [string, number]; sep: [string, number] };
    return { starts: [cls[1]], ends: [sep[1]] };
  }
  const { single, special_tokens } = postProcessor as unknown as { single: Keys[]; special_tokens: Record<string, { ids: number[] }> };
  const at = single.findIndex((piece) => "Sequence" in piece);
  const ids = single.map(({ SpecialToken }) => (SpecialToken ? (special_tokens[SpecialToken.id]?.ids ?? []) : []));
  return { starts: ids.slice(0, at).flat(), ends: ids.slice(at + 1).flat() };
}

type Keys = { Sequence?: { id: string }; SpecialToken?: { id: string } };
