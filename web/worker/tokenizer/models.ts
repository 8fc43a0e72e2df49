/** How words become ids: BPE and WordPiece by Hugging Face's library, Unigram as the Rust tokenizers do it. */

import { BPE, WordPiece, type LibraryModel } from "../../vendor/tokenizers.js";
import type { Component } from "./components.js";

export type Encode = (words: readonly string[]) => number[];

/** What a letter without a token costs more than the worst token. */
const UNKNOWN_PENALTY = 10;

/** A model that `tokenizer_file.ts` lets through. */
export function modelOf(component: Component): Encode {
  if (component.type === "Unigram") return unigram(component);
  return byLibrary(component.type === "BPE" ? new BPE(component) : new WordPiece(component));
}

function byLibrary(model: LibraryModel): Encode {
  // Word by word: the library joins unknown letters across words.
  return (words) => words.flatMap((word) => model([word]).flatMap((token) => model.tokens_to_ids.get(token) ?? model.unk_token_id ?? []));
}

/**
 * The tokens of the best sum of scores. The library's own needs a trie of maps, for the 901,629 tokens of MetaCLIP 2 half a
 * gigabyte; here a text's beginnings are looked up in one map, as long as some token begins so.
 */
function unigram({ vocab, unk_id }: Component): Encode {
  const tokens = vocab as [string, number][];
  const unknown = unk_id as number;
  const worths = Float64Array.from(tokens, ([, score]) => score);
  const ids = new Map(tokens.map(([token], id) => [token, id]));
  let [lowest, longest] = [Infinity, 0];
  for (const [token, score] of tokens) [lowest, longest] = [Math.min(lowest, score), Math.max(longest, token.length)];
  const worst = lowest - UNKNOWN_PENALTY;
  return (words) => words.flatMap((word) => best(word));

  function best(word: string): number[] {
    const scores = new Float64Array(word.length + 1);
    const [starts, chosen] = [new Int32Array(word.length + 1).fill(-1), new Int32Array(word.length + 1)];
    const offer = (start: number, end: number, score: number, id: number) => {
      const sum = score + scores[start]!;
      if (starts[end]! >= 0 && sum <= scores[end]!) return;
      [scores[end], starts[end], chosen[end]] = [sum, start, id];
    };
    for (let start = 0; start < word.length; ) {
      const letter = word.codePointAt(start)! > 0xffff ? 2 : 1;
      let single = false;
      for (let end = start + letter; end <= Math.min(word.length, start + longest); end += 1) {
        const id = ids.get(word.slice(start, end));
        if (id === undefined) continue;
        offer(start, end, worths[id]!, id);
        single ||= end === start + letter;
      }
      if (!single) offer(start, start + letter, worst, unknown);
      start += letter;
    }
    return path(word, starts, chosen);
  }

  /** The ids of the best way, from its end; letters without a token that follow each other are one. */
  function path(word: string, starts: Int32Array, chosen: Int32Array): number[] {
    const found: number[] = [];
    for (let end = word.length; end > 0; end = starts[end]!) {
      const id = chosen[end]!;
      if (id !== unknown || found.at(-1) !== unknown) found.push(id);
    }
    return found.reverse();
  }
}
