/**
 * What scores are worth: how far above chance one is, in a collection and for the queries that it is asked.
 *
 * Cosines of one query are not those of another: a text may be near all photos, or far from all. So the mean over the collection
 * is taken off each score. What is left varies, for rows that the query has nothing to do with, by a spread that is the same
 * for all queries of a kind, and is taken from a background of such: the root of the mean square over all of them and all rows.
 * (The query's own spread is no measure: where a quarter of the photos have the color that was asked for, it is large, and
 * hides what is there.) The few rows that a background query does fit hardly matter among all.
 */

import type { Collection } from "./collection.js";

/** What the scores of one query are compared with. */
export interface Chance {
  /** The mean of its scores. */
  mean: number;
  /** How far scores are from the mean by chance. */
  spread: number;
}

/** Rows that are looked at, from all over the collection: enough to know a mean and a spread to a percent or two. */
const SAMPLE = 4096;
/** With fewer there is nothing that could be called chance. */
const FEWEST = 16;

/** The chance of a collection as it is, for queries of the kind of the background's. */
export class Background {
  readonly #mean: Float32Array;
  readonly #spread: number;

  /** @param background queries, one after the other */
  constructor(collection: Collection, background: Float32Array) {
    const { dimension } = collection;
    const rows = sampled(collection);
    this.#mean = new Float32Array(dimension);
    for (const row of rows) row.forEach((x, i) => (this.#mean[i] = (this.#mean[i] as number) + x / rows.length));
    let [sum, count] = [0, 0];
    for (let at = 0; at < background.length; at += dimension) {
      const query = unit(background.subarray(at, at + dimension));
      const mean = dot(query, this.#mean);
      for (const row of rows) sum += (dot(query, row) - mean) ** 2;
      count += rows.length;
    }
    this.#spread = rows.length < FEWEST || count === 0 ? 0 : Math.sqrt(sum / count);
  }

  /** What a query's scores are compared with; nothing if there is nothing to compare with. */
  of(query: Float32Array): Chance | undefined {
    return this.#spread > 1e-6 ? { mean: dot(unit(query), this.#mean), spread: this.#spread } : undefined;
  }
}

/** Rows at length 1. */
function sampled(collection: Collection): Float32Array[] {
  const there = Array.from(collection.scales.keys()).filter((row) => !Number.isNaN(collection.scales[row]));
  const count = Math.min(SAMPLE, there.length);
  return Array.from({ length: count }, (_, i) => unit(collection.read(there[Math.floor((i * there.length) / count)] as number)));
}

function unit(embedding: Float32Array): Float32Array {
  const length = Math.sqrt(dot(embedding, embedding));
  return embedding.map((x) => x / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
