/**
 * What a text becomes before it is split, as the Rust tokenizers do it. The library's own differ: JavaScript's lower case
 * knows of a sigma at a word's end, its spaces are others, and sentencepiece's map is only guessed at.
 */

import { readCharsmap } from "./charsmap.js";
import type { Component } from "./components.js";

export type Normalize = (text: string) => string;

const CHINESE =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

const lowered: Normalize = (text) => text.replaceAll("Σ", "σ").toLowerCase();
/** The places in a text that an expression of a `tokenizer.json` stands for. */
const PLACES: Record<string, RegExp> = {
  "\\s+": /\p{White_Space}+/gu,
  " {2,}": / {2,}/g,
  " ": / /g,
};
const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** A normalizer that `tokenizer_file.ts` lets through. */
export function normalizerOf(component: Component | null): Normalize {
  switch (component?.type) {
    case undefined:
      return (text) => text;
    case "Sequence": {
      const members = (component["normalizers"] as Component[]).map(normalizerOf);
      return (text) => members.reduce((made, member) => member(made), text);
    }
    case "Lowercase":
      return lowered;
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Strip":
      return stripper(component["strip_left"] === true, component["strip_right"] === true);
    case "Replace": {
      const { Regex, String: text } = component["pattern"] as { Regex?: string; String?: string };
      const places = PLACES[Regex ?? text ?? ""] ?? PUNCTUATION;
      return (text) => text.replace(places, component["content"] as string);
    }
    case "BertNormalizer":
      return bert(component);
    case "Precompiled":
      return readCharsmap(component["precompiled_charsmap"] as string);
    default:
      return (text) => text.normalize(component?.type);
  }
}

function stripper(left: boolean, right: boolean): Normalize {
  return (text) => {
    const started = left ? text.replace(/^\p{White_Space}+/u, "") : text;
    return right ? started.replace(/\p{White_Space}+$/u, "") : started;
  };
}

function bert({ clean_text, handle_chinese_chars, strip_accents, lowercase }: Component): Normalize {
  return (text) => {
    let made = text;
    if (clean_text) made = made.replace(/(?![\t\n\r])[\0\uFFFD\p{Cc}\p{Cf}\p{Co}]/gu, "").replace(/\p{White_Space}/gu, " ");
    if (handle_chinese_chars) made = made.replace(CHINESE, " $& ");
    if (strip_accents ?? lowercase) made = made.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lowercase ? lowered(made) : made;
  };
}
