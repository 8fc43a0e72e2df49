// Search among many embeddings, by the package and by the loop that one would write instead.

import { Embeddings, topK } from "/dist/search/index.js";

/** Numbers in -1..1, the same in every run. */
function generator(seed) {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) / 2 ** 23 - 1;
}

/** Rows about 1000 centers, as photos lie about what they show; a row of `scale` times -1..1. */
function fill(rows, dimension, scale) {
  const next = generator(1);
  const centers = Float32Array.from({ length: 1000 * dimension }, next);
  for (let i = 0; i < rows.length; i += 1) {
    const row = Math.floor(i / dimension);
    const center = ((row % 1000) * dimension + (i % dimension)) % centers.length;
    rows[i] = scale * (0.6 * centers[center] + 0.4 * next());
  }
  return rows;
}

/** What one writes by hand: all scores, and a short list of the best that is kept sorted. */
function loop(query, matrix, k) {
  const dimension = query.length;
  const best = [];
  for (let row = 0, at = 0; at < matrix.length; row += 1) {
    let score = 0;
    for (let j = 0; j < dimension; j += 1, at += 1) score += matrix[at] * query[j];
    if (best.length === k && score <= best[k - 1].score) continue;
    best.push({ index: row, score });
    best.sort((a, b) => b.score - a.score);
    best.length = Math.min(best.length, k);
  }
  return best;
}

const ids = (first, count) => Array.from({ length: count }, (_, i) => first + i);

/** A collection of the matrix, added in parts. */
async function collection(matrix, dimension, precision) {
  const embeddings = new Embeddings({ precision });
  const step = 20_000;
  const count = matrix.length / dimension;
  for (let first = 0; first < count; first += step) {
    const rows = Float32Array.from(matrix.subarray(first * dimension, (first + step) * dimension));
    await embeddings.addMany(ids(first, rows.length / dimension), rows);
  }
  return embeddings;
}

export async function start({ how, kind, count, dimension }) {
  const length = count * dimension;
  let matrix = kind === "int8" ? fill(new Int8Array(length), dimension, 127) : fill(new Float32Array(length), dimension, 1);
  const query = Float32Array.from(matrix.subarray(7 * dimension, 8 * dimension));
  const embeddings = how === "Embeddings" ? await collection(matrix, dimension, kind) : undefined;
  if (embeddings) matrix = undefined;
  const search = {
    topK: async () => topK(query, matrix, 10),
    loop: async () => loop(query, matrix, 10),
    Embeddings: async () => embeddings.search(query, 10),
  }[how];
  return {
    facts: {},
    /** Milliseconds of one search, and the row that came out best. */
    search: async () => {
      const begin = performance.now();
      const [best] = await search();
      return { ms: performance.now() - begin, best: best.index ?? best.id };
    },
    /** The share of an exact search's best ten that an 8-bit one finds as well. */
    recall: async (queries) => {
      const rows = fill(new Float32Array(100_000 * dimension), dimension, 1);
      const exact = await collection(rows, dimension, "f32");
      const small = await collection(rows, dimension, "int8");
      let hits = 0;
      for (let i = 0; i < queries; i += 1) {
        const one = rows.slice(i * 997 * dimension, (i * 997 + 1) * dimension);
        const best = new Set((await exact.search(one, 10)).map(({ id }) => id));
        hits += (await small.search(one, 10)).filter(({ id }) => best.has(id)).length;
      }
      exact.close();
      small.close();
      return hits / (10 * queries);
    },
  };
}
