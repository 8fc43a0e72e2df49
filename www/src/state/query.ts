/** What is searched for: words and photos, each with plus or minus. Pure functions, so that they are easily tested. */

/** A part of a photo, as parts of its width and height. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One thing that results should have, or should not have. */
export type Term = { sign: 1 | -1 } & ({ kind: "text"; text: string } | PhotoTerm);

export interface PhotoTerm {
  kind: "photo";
  /** A photo of the library; or, of one from elsewhere, its file. */
  seq?: number;
  file?: Blob;
  box?: Box;
  name: string;
}

/** How much a minus weighs against a plus. Among the drawings 0.4 leaves 92 of 100 of the best ten right, 1 leaves 86. */
const MINUS = 0.4;

/** "beach −people +sunset" as its parts; a hyphen inside a word is a part of the word. */
export function termsIn(text: string): Term[] {
  const parts = text.split(/(?:^|\s)([+\-−–])\s*(?=\S)/u);
  const terms: Term[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const words = (parts[i] as string).trim().replace(/\s+/gu, " ");
    const sign = i > 0 && parts[i - 1] !== "+" ? -1 : 1;
    if (words) terms.push({ sign, kind: "text", text: words });
  }
  return terms;
}

/** The embedding to search for: what is wanted, less a part of what is not. All embeddings have length 1. */
export function combined(parts: readonly { sign: 1 | -1; embedding: Float32Array }[]): Float32Array<ArrayBuffer> {
  const sum = new Float32Array(parts[0]?.embedding.length ?? 0);
  for (const { sign, embedding } of parts) {
    const weight = sign > 0 ? 1 : -MINUS;
    embedding.forEach((value, i) => (sum[i] = (sum[i] as number) + weight * value));
  }
  return sum;
}
