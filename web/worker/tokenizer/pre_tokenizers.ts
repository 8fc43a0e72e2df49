/** How a text is split into words: by Hugging Face's library, or as sentencepiece, Gemma and BERT do it. */

import { ByteLevelPreTokenizer, DigitsPreTokenizer, SplitPreTokenizer } from "../../vendor/tokenizers.js";
import type { Component } from "./components.js";

/** A part of a text. */
export interface Part {
  text: string;
  /** Whether nothing of the text is before it. */
  first: boolean;
}
export type Split = (part: Part) => Part[];

const METASPACE = "▁";
/** BERT's signs: Unicode's, and all of ASCII's. */
const SIGN = "[\\p{P}!-/:-@\\[-`{-~]";
const BERT = new RegExp(`${SIGN}|(?:(?!${SIGN})\\P{White_Space})+`, "gu");

/** Parts as texts that follow each other, of which only the first may be the text's own. */
const parts = (texts: readonly string[], first: boolean): Part[] => texts.map((text, index) => ({ text, first: first && index === 0 }));

/** A pre-tokenizer that `tokenizer_file.ts` lets through. */
export function preTokenizerOf(component: Component | null): Split {
  return component === null ? (part) => [part] : splitOf(component);
}

function splitOf(component: Component): Split {
  switch (component.type) {
    case "Sequence": {
      const members = (component["pretokenizers"] as Component[]).map(splitOf);
      return (part) => members.reduce((made, member) => made.flatMap(member), [part]);
    }
    case "WhitespaceSplit":
      return ({ text, first }) => {
        const found = [...text.matchAll(/\P{White_Space}+/gu)];
        return found.map((match) => ({ text: match[0], first: first && match.index === 0 }));
      };
    case "BertPreTokenizer":
      return ({ text, first }) => parts(text.match(BERT) ?? [], first);
    case "Metaspace":
      return metaspace(component);
    case "Split":
      if (component["behavior"] === "MergedWithPrevious") return ({ text, first }) => parts(text.match(/[^ ]* |[^ ]+$/g) ?? [], first);
      return byLibrary(new SplitPreTokenizer(component));
    case "Digits":
      return byLibrary(new DigitsPreTokenizer(component));
    default:
      return byLibrary(new ByteLevelPreTokenizer(component));
  }
}

const byLibrary =
  (library: { pre_tokenize_text(text: string): string[] }): Split =>
  ({ text, first }) =>
    parts(library.pre_tokenize_text(text), first);

/** A sign for each space, and one before the text. */
function metaspace({ prepend_scheme, split }: Component): Split {
  return ({ text, first }) => {
    const marked = text.replaceAll(" ", METASPACE);
    const prepends = prepend_scheme === "always" || (prepend_scheme === "first" && first);
    const whole = prepends && !marked.startsWith(METASPACE) ? METASPACE + marked : marked;
    return parts(split ? (whole.match(/▁?[^▁]+|▁/g) ?? []) : [whole], first);
  };
}
