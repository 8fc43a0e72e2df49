/** Cosine similarity of every pair, and what is worth saying about it. */

import { cosineSimilarity } from "clip-vision/search";

export interface Pair {
  first: number;
  second: number;
  value: number;
}

/** The cosine of every pair: row by row, symmetric, 1 on the diagonal. */
export function matrixOf(embeddings: readonly Float32Array[]): number[][] {
  const rows = embeddings.map(() => new Array<number>(embeddings.length).fill(1));
  embeddings.forEach((a, i) => {
    embeddings.slice(0, i).forEach((b, j) => {
      const value = cosineSimilarity(a, b);
      (rows[i] as number[])[j] = value;
      (rows[j] as number[])[i] = value;
    });
  });
  return rows;
}

/** The pairs of the highest and of the lowest similarity; null with fewer than two photos. */
export function extremes(matrix: readonly (readonly number[])[]): { most: Pair; least: Pair } | null {
  let most: Pair | null = null;
  let least: Pair | null = null;
  matrix.forEach((row, first) => {
    row.slice(0, first).forEach((value, second) => {
      if (most === null || value > most.value) most = { first: second, second: first, value };
      if (least === null || value < least.value) least = { first: second, second: first, value };
    });
  });
  return most && least ? { most, least } : null;
}

/**
 * Where the colors begin: CLIP's photos are all somewhat alike, so a scale from 0 would show one shade. The lowest
 * value, rounded down to a tenth, and at most 0.9 so that the scale never vanishes.
 */
export const scaleStart = (lowest: number): number => Math.min(0.9, Math.floor(lowest * 10 + 1e-9) / 10);

/** A similarity's place on the scale from `start` to 1, from 0 to 1. */
export const shade = (value: number, start: number): number => Math.max(0, Math.min(1, (value - start) / (1 - start)));
