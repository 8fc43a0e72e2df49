/** What everyone who has embeddings writes next: how alike two are, and which of many are most like one. Synchronous. */

import { invalid } from "../shared/errors.js";
import { tagOf } from "../shared/values.js";
import { WASM } from "../wasm/top_k.js";
import { checkCount, checkEmbedding, rowsOf, valuesOf } from "./arguments.js";
import { BLOCK, SearchEngine } from "./engine.js";
import type { EmbeddingValues } from "./options.js";

/** Embeddings in 8 bits, a quarter of the size: value `i` of row `r` stands for `values[r * dimension + i] * steps[r]`. */
export interface QuantizedMatrix {
  /** Rows of -127..127, one after the other. */
  values: Int8Array;
  /** What one unit of each row is worth. */
  steps: Float32Array;
}

/**
 * Embeddings of one dimension, one after the other without padding: 32-bit floats, 8-bit integers with steps (see
 * {@link quantize}), or bare 8-bit integers, of which 127 stands for 1.
 */
export type Matrix = EmbeddingValues | Int8Array | QuantizedMatrix;

/** A row that was found. */
export interface RowMatch {
  /** Its number in the matrix, from 0. */
  index: number;
  /** Its dot product with the query: the cosine, if both have length 1 (rounding aside). */
  score: number;
}

/**
 * The cosine of the angle between two embeddings of any length: 1 for the same direction, 0 for nothing in common, down to
 * -1.
 *
 * @throws {@link ClipVisionError} `invalid-argument` for embeddings of different dimensions, or one that is zero or not
 * finite
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const [value, what] of [[a, "the first embedding"], [b, "the second embedding"]] as const) {
    if (typeof (value as { length?: unknown } | undefined)?.length !== "number") valuesOf(value, what); // which throws
  }
  if (a.length !== b.length) throw invalid(`Embeddings of ${a.length} and of ${b.length} values cannot be compared`);
  let [dot, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i] as number, b[i] as number];
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const cosine = dot / Math.sqrt(squareA * squareB);
  if (Number.isNaN(cosine)) throw invalid("An embedding that is zero, empty or not finite has no direction to compare");
  return Math.min(1, Math.max(-1, cosine));
}

let shared: SearchEngine | undefined;

/**
 * The `k` rows of a matrix with the largest dot products with `query`, the best first; of equal ones the lower row comes
 * first. Fewer if there are fewer rows; a row that holds a NaN is never found. Exact, and the same to the bit on every machine.
 *
 * It runs where it is called, at the speed at which memory is read: some 100 ms for a million int8 rows of 512 values. For
 * collections that large, {@link Embeddings} does the same in a worker.
 *
 * @param k default: 10
 * @throws {@link ClipVisionError} `invalid-argument` for a query that is empty or not finite, a matrix that is not made of
 * rows of its length, steps that are not one a row, or a `k` that is not a whole number from 0; `unsupported-browser`, `out-of-memory`
 */
export function topK(query: EmbeddingValues, matrix: Matrix, k = 10): RowMatch[] {
  query = valuesOf(query, "the query");
  checkEmbedding(query, "the query");
  checkCount(k, "k");
  const dimension = query.length;
  const { values, steps, unit } = partsOf(matrix);
  const count = rowsOf(values.length, dimension);
  if (steps && steps.length !== count) throw invalid(`There are ${steps.length} steps for ${count} rows`);
  const precision = tagOf(values) === "Float32Array" ? "f32" : "int8";

  const engine = (shared ??= new SearchEngine(WASM));
  engine.prepare(dimension);
  const [rows, heap, most] = [engine.block, engine.end, Math.min(k, count)];
  engine.reserve(heap + SearchEngine.heapBytes(most));
  const factor = engine.setQuery(query, precision) * unit;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const rowBytes = dimension * values.BYTES_PER_ELEMENT;
  let found = 0;
  for (let first = 0; first < count && most > 0; first += BLOCK) {
    const last = Math.min(first + BLOCK, count);
    engine.bytes.set(bytes.subarray(first * rowBytes, last * rowBytes), rows);
    const block = { rows, count: last - first, first, scales: steps?.subarray(first, last), factor };
    found = engine.scan(block, precision, { heap, found, k: most, threshold: -Infinity });
  }
  const matches = engine.matches(heap, found);
  return Array.from(matches.rows, (index, i) => ({ index, score: matches.scores[i] as number }));
}

/**
 * Embeddings in 8 bits, for {@link topK}: each row in steps of a 127th of its largest value.
 *
 * @param matrix rows of `dimension` values, one after the other
 * @throws {@link ClipVisionError} `invalid-argument` for values that are not rows of `dimension`, or not finite
 */
export function quantize(matrix: EmbeddingValues, dimension: number): QuantizedMatrix {
  matrix = valuesOf(matrix, "the matrix");
  const count = rowsOf(matrix.length, dimension);
  const wrong = matrix.findIndex((x) => !Number.isFinite(x));
  if (wrong >= 0) {
    throw invalid(`Value ${wrong % dimension} of row ${Math.floor(wrong / dimension)} is ${String(matrix[wrong])}`);
  }
  const engine = (shared ??= new SearchEngine(WASM));
  engine.prepare(dimension);
  const [values, steps] = [new Int8Array(matrix.length), new Float32Array(count)];
  for (let first = 0; first < count; first += BLOCK) {
    const rows = matrix.subarray(first * dimension, (first + BLOCK) * dimension);
    engine.floats(engine.block, rows.length).set(rows);
    const quantized = engine.quantizeBlock(rows.length / dimension);
    values.set(new Int8Array(quantized.values.buffer, quantized.values.byteOffset, rows.length), first * dimension);
    steps.set(quantized.steps, first);
  }
  return { values, steps };
}

function partsOf(matrix: Matrix): { values: Float32Array | Int8Array; steps: Float32Array | undefined; unit: number } {
  const tag = tagOf(matrix);
  if (tag === "Float32Array" || tag === "Array" || tag === "Promise") {
    return { values: valuesOf(matrix, "the matrix"), steps: undefined, unit: 1 };
  }
  if (tag === "Int8Array") return { values: matrix as Int8Array, steps: undefined, unit: 1 / 127 };
  const { values, steps } = (matrix ?? {}) as Partial<QuantizedMatrix>;
  if (tagOf(values) === "Int8Array" && tagOf(steps) === "Float32Array") {
    return { values: values as Int8Array, steps: steps as Float32Array, unit: 1 };
  }
  throw invalid(`A matrix must be a Float32Array, an Int8Array or { values: Int8Array, steps: Float32Array }, not ${tag}`);
}
