/** Tokens that are looked for in a text before it is split, special ones among them. */

import type { Normalize } from "./normalizers.js";

export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
}

/** A part of a text, or the id of an added token in it. */
export type Piece = { text: string; first: boolean } | { id: number };

/** Finds those of the tokens that stand in a text as they are, or in what it was normalized to. */
export function splitter(tokens: readonly AddedToken[], normalize: Normalize | undefined): (text: string, first: boolean) => Piece[] {
  // Of tokens that begin alike the longest is meant; expressions take the first that fits.
  const named = new Map(tokens.map((token) => [normalize ? normalize(token.content) : token.content, token]));
  named.delete("");
  if (named.size === 0) return (text, first) => [{ text, first }];
  const contents = [...named.keys()].sort((a, b) => b.length - a.length);
  const expression = new RegExp(contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"), "gu");
  return (text, first) => {
    const pieces: Piece[] = [];
    let start = 0;
    for (const { 0: found, index } of text.matchAll(expression)) {
      const token = named.get(found)!;
      const end = index + found.length;
      if (token.single_word && (/[\p{L}\p{N}\p{M}_]$/u.test(text.slice(0, index)) || /^[\p{L}\p{N}\p{M}_]/u.test(text.slice(end)))) continue;
      const from = token.lstrip ? Math.max(start, text.slice(0, index).replace(/\p{White_Space}+$/u, "").length) : index;
      if (from > start) pieces.push({ text: text.slice(start, from), first: first && start === 0 });
      pieces.push({ id: token.id });
      start = token.rstrip ? end + (/^\p{White_Space}*/u.exec(text.slice(end))?.[0].length ?? 0) : end;
    }
    if (start < text.length) pieces.push({ text: text.slice(start), first: first && start === 0 });
    return pieces;
  };
}
