/** What open_clip does to a text before its tokenizer sees it; `src/model/cleaning.rs` is the same for Rust, and says more. */

export type Cleaning = "canonicalize" | "lower" | "whitespace";

/** The text as the tokenizer is to see it. */
export function cleaned(text: string, cleaning: Cleaning | undefined): string {
  if (cleaning === undefined) return text;
  let made = text.replace(/[\u02BC\u2018-\u201B]/g, "'").replace(/[\u201C-\u201F]/g, '"');
  if (cleaning === "canonicalize") made = made.replaceAll("_", " ").replace(/[!-/:-@[-`{-~]/g, "");
  if (cleaning !== "whitespace") made = made.toLowerCase();
  return made.split(/[\p{White_Space}\x1C-\x1F]+/u).filter(Boolean).join(" ");
}
