/**
 * Text -> token ids, with Hugging Face's JavaScript tokenizers (`@huggingface/tokenizers`), of which the build puts a copy
 * beside this module: so a page without a bundler needs no import map, which a worker would not see.
 *
 * In a browser this is a script of its own (`tokenizer.ts`), fetched when the first text comes.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";
import { Tokenizer as Library } from "../vendor/tokenizers.js";
import type { Tokenizer, TokenizerFiles } from "./texts.js";
import { SPACES, WORD, knownTokenizer } from "./tokenizer_file.js";

const START = "<|startoftext|>";
const END = "<|endoftext|>";
/** Letters of a text that are read. The longest context of a CLIP ends long before. */
const LONGEST_TEXT = 1 << 16;

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
  const lines = merges.split(/\r?\n/);
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
      merges: lines.filter((line) => line !== ""),
    },
  };
}

/**
 * Where JavaScript's lower case is not that of the Rust tokenizers: it knows of a sigma at a word's end, and the library
 * takes a special token in capitals for the token itself.
 */
function evened(text: string): string {
  return text
    .replaceAll("Σ", "σ")
    .replace(/<\|(startoftext|endoftext)\|>/gi, (token, name: string) => (token === token.toLowerCase() ? token : `<| ${name} |>`));
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
  const lowers = JSON.stringify(known["normalizer"]).includes('"Lowercase"');
  let library: Library;
  try {
    library = new Library(known, {});
  } catch (cause) {
    throw invalid("The tokenizer's files are not what they should be", cause);
  }
  return {
    ids(text, longest) {
      const read = beginning(text);
      const { ids } = library.encode(lowers ? evened(read) : read);
      const end = ids.at(-1);
      return Uint32Array.from(ids.length > longest && end !== undefined ? [...ids.slice(0, longest - 1), end] : ids);
    },
  };
}
