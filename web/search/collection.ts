/**
 * The rows of a collection in the search module's memory: put, removed, searched and read, by their numbers. Which number is
 * whose is the page's affair (`embeddings.ts`).
 *
 * Scores are cosines, whatever length the embeddings have: f32 rows stay as they are, with the inverse of their length
 * beside them; 8-bit rows are stored at length 1. A row that was removed has NaN for a scale, so that it is never found,
 * and goes when the rows are compacted.
 */

import { invalid } from "../shared/errors.js";
import { aligned } from "../shared/values.js";
import { WASM } from "../wasm/search.js";
import { BLOCK, SearchEngine, type RowPrecision } from "./engine.js";
import { groupsOf, nearLinks, type NearGroups, type NearLinks } from "./near.js";

/** Rows and their scores. */
export interface Matches {
  rows: Uint32Array<ArrayBuffer>;
  scores: Float32Array<ArrayBuffer>;
}

const FIRST_CAPACITY = 256;
/** How far a stored row's length may be from 1 by the rounding of f32. */
const TOLERANCE = 1e-3;

/** See the module. */
export class Collection {
  /** How rows are kept. */
  readonly precision: RowPrecision;
  readonly #engine = new SearchEngine(WASM);
  #dimension = 0;
  #count = 0;
  #capacity = 0;
  /** What a row's scores are multiplied with: the inverse of its length, or its step; NaN for a row that was removed. */
  #scales = new Float32Array();

  constructor(precision: RowPrecision) {
    this.precision = precision;
  }

  /** Values of a row; 0 as long as there was none. */
  get dimension(): number {
    return this.#dimension;
  }

  /** Rows, with those that were removed. */
  get count(): number {
    return this.#count;
  }

  /** The bytes of a row. */
  get rowBytes(): number {
    return this.#dimension * (this.precision === "f32" ? 4 : 1);
  }

  /** The scales of all rows: see above. */
  get scales(): Float32Array {
    return this.#scales.subarray(0, this.#count);
  }

  /** The module, for checksums. */
  get engine(): SearchEngine {
    return this.#engine;
  }

  /** The bytes of `count` rows: a view that lasts until rows are added. */
  bytes(first: number, count: number): Uint8Array {
    const at = this.#address(first);
    return this.#engine.bytes.subarray(at, at + count * this.rowBytes);
  }

  /**
   * Puts embeddings, one after the other in `values`, into the given rows; rows beyond the last one are new. All of them
   * or, if one is impossible, none.
   *
   * @throws {@link ClipVisionError} `invalid-argument`, naming the row's place among those given; `out-of-memory`
   */
  put(rows: Uint32Array, values: Float32Array, dimension: number): void {
    this.#setDimension(dimension);
    this.#eachBlock(values, (count, first) => void this.#lengths(count, first));
    const last = rows.reduce((most, row) => Math.max(most, row + 1), this.#count);
    this.#reserve(last);
    for (let row = this.#count; row < last; row += 1) this.#scales[row] = NaN;
    this.#count = last;
    this.#eachBlock(values, (count, first) => this.#putBlock(count, rows.subarray(first, first + count), first));
  }

  /** Appends rows that are in this collection's form already, and their scales. */
  appendStored(bytes: Uint8Array, scales: Float32Array, dimension: number): void {
    this.#setDimension(dimension);
    this.#reserve(this.#count + scales.length);
    this.#engine.bytes.set(bytes, this.#address(this.#count));
    this.#scales.set(scales, this.#count);
    this.#count += scales.length;
  }

  /** The first of `count` rows from `first` on whose scale does not make it as long as `put` would have; -1 if all are right. */
  findMisscaled(first: number, count: number): number {
    for (let row = first; row < first + count; row += BLOCK) {
      const part = Math.min(BLOCK, first + count - row);
      const wrong = this.#squares(row, part).findIndex((square, i) => !this.#isScale(this.#scales[row + i] as number, square));
      if (wrong >= 0) return row + wrong;
    }
    return -1;
  }

  /** The sums of the squares of stored rows, of no more than a block. */
  #squares(first: number, count: number): Float32Array {
    const [from, to] = [this.#address(first), this.#address(first + count)];
    if (this.precision === "f32") {
      this.#engine.bytes.copyWithin(this.#engine.block, from, to);
      return this.#engine.blockSquares(count);
    }
    const steps = new Int8Array(this.#engine.bytes.buffer, from, to - from);
    return Float32Array.from({ length: count }, (_, row) => {
      let sum = 0;
      for (let i = row * this.#dimension; i < (row + 1) * this.#dimension; i += 1) sum += (steps[i] as number) ** 2;
      return sum;
    });
  }

  /** An 8-bit value is rounded by up to half a step, and the largest of a row is 127 steps. */
  #isScale(scale: number, square: number): boolean {
    const int8 = this.precision === "int8";
    const rounded = int8 ? (scale * Math.sqrt(this.#dimension)) / 2 : 0;
    return Math.abs(scale * Math.sqrt(square) - 1) <= rounded + TOLERANCE && (!int8 || 127 * scale <= 1 + TOLERANCE);
  }

  /** Makes room for as many rows in all, at once. */
  expect(count: number, dimension: number): void {
    this.#setDimension(dimension);
    this.#reserve(count);
  }

  /** Marks rows as removed. */
  remove(rows: Uint32Array): void {
    for (const row of rows) this.#scales[row] = NaN;
  }

  /** Whether something is in a row. */
  has(row: number): boolean {
    return row < this.#count && !Number.isNaN(this.#scales[row]);
  }

  /** Moves the rows that are left together, in their order; and with them the rows `kept`, even if nothing is in them. */
  compact(kept: Iterable<number> = []): void {
    const stays = new Set(kept);
    let to = 0;
    for (let from = 0; from < this.#count; from += 1) {
      const scale = this.#scales[from] as number;
      if (Number.isNaN(scale) && !stays.has(from)) continue;
      if (to !== from) {
        this.#engine.bytes.copyWithin(this.#address(to), this.#address(from), this.#address(from + 1));
        this.#scales[to] = scale;
      }
      to += 1;
    }
    this.#count = to;
  }

  /** A copy of the rows in which something is. */
  withoutEmpty(): Collection {
    const copy = new Collection(this.precision);
    if (this.#dimension === 0) return copy;
    copy.expect(Array.from(this.scales).filter((scale) => !Number.isNaN(scale)).length, this.#dimension);
    for (let row = 0; row < this.#count; row += 1) {
      if (this.has(row)) copy.appendStored(this.bytes(row, 1), this.scales.subarray(row, row + 1), this.#dimension);
    }
    return copy;
  }

  /** The `k` rows with the largest cosines, of those that `mask`, if there is one, has no 0 for and that reach the threshold. */
  search(query: Float32Array, k: number, threshold: number, mask?: Uint8Array): Matches {
    const most = Math.min(k, this.#count);
    if (most === 0) return { rows: new Uint32Array(), scores: new Float32Array() };
    const factor = this.#setQuery(query);
    const heap = this.#free;
    this.#engine.reserve(heap + SearchEngine.heapBytes(most));
    let found = 0;
    for (let first = 0; first < this.#count; first += BLOCK) {
      const part = mask?.subarray(first, first + BLOCK);
      const given = { heap, found, k: most, threshold, ...(part && { mask: part }) };
      found = this.#engine.scan({ ...this.#block(first), factor }, this.precision, given);
    }
    return this.#engine.matches(heap, found);
  }

  /**
   * Groups of rows that are linked by cosines from the threshold on. Yields now and then how many pairs are done, so that it can
   * be given up.
   */
  nearLinks(threshold: number, part: readonly [part: number, parts: number]): Generator<number, NearLinks> {
    const { precision, scales } = this;
    const given = { rows: this.#address(0), precision, count: this.#count, scales, threshold };
    return nearLinks(this.#engine, given, this.#free, part);
  }

  /** See there; it makes no difference which rows there are by now. */
  groupsOf(parts: readonly NearLinks[]): NearGroups {
    return groupsOf(this.#engine, parts, this.#free);
  }

  /** A row as f32, whatever it is kept as. */
  read(row: number): Float32Array<ArrayBuffer> {
    return this.readRows(row, 1);
  }

  /** Any rows as f32, one after the other; nothing if nothing is in one of them. */
  readAll(rows: Uint32Array): Float32Array<ArrayBuffer> | undefined {
    if (!rows.every((row) => this.has(row))) return undefined;
    const values = new Float32Array(rows.length * this.#dimension);
    rows.forEach((row, i) => values.set(this.read(row), i * this.#dimension));
    return values;
  }

  /** Rows as f32, one after the other. */
  readRows(first: number, count: number): Float32Array<ArrayBuffer> {
    const at = this.#address(first);
    if (this.precision === "f32") return this.#engine.floats(at, count * this.#dimension).slice() as Float32Array<ArrayBuffer>;
    const quantized = new Int8Array(this.#engine.bytes.buffer, at, count * this.#dimension);
    const values = new Float32Array(quantized.length);
    for (let i = 0; i < quantized.length; i += 1) {
      values[i] = (quantized[i] as number) * (this.#scales[first + Math.floor(i / this.#dimension)] as number);
    }
    return values;
  }

  #address(row: number): number {
    return this.#engine.end + row * this.rowBytes;
  }

  /** The first address behind all rows; whatever is put there is lost once there are more. */
  get #free(): number {
    return aligned(this.#address(this.#capacity), 8);
  }

  #setDimension(dimension: number): void {
    if (this.#dimension === dimension) return;
    if (this.#count !== 0) {
      const what = `Embeddings of ${dimension} values for a collection of ${this.#dimension}`;
      throw invalid(what);
    }
    this.#engine.prepare(dimension);
    this.#dimension = dimension;
    this.#capacity = 0;
  }

  #reserve(count: number): void {
    if (count <= this.#capacity) return;
    // Half as much again, unless that is more than there is.
    const generous = Math.max(count, Math.ceil(this.#capacity * 1.5), FIRST_CAPACITY);
    try {
      this.#engine.reserve(this.#address(generous));
      this.#capacity = generous;
    } catch {
      this.#engine.reserve(this.#address(count));
      this.#capacity = count;
    }
    const scales = new Float32Array(this.#capacity);
    scales.set(this.scales);
    this.#scales = scales;
  }

  #block(first: number): { rows: number; count: number; first: number; scales: Float32Array } {
    const count = Math.min(BLOCK, this.#count - first);
    return { rows: this.#address(first), count, first, scales: this.#scales.subarray(first, first + count) };
  }

  /** Takes a query; what to multiply scores with beside the rows' scales. */
  #setQuery(query: Float32Array): number {
    const square = query.reduce((sum, x) => sum + x * x, 0);
    return this.#engine.setQuery(query, this.precision) / Math.sqrt(square);
  }

  /** Copies f32 rows, block by block, to where the module works on them. */
  #eachBlock(values: Float32Array, work: (count: number, first: number) => void): void {
    const step = BLOCK * this.#dimension;
    for (let from = 0; from < values.length; from += step) {
      const part = values.subarray(from, from + step);
      this.#engine.floats(this.#engine.block, part.length).set(part);
      work(part.length / this.#dimension, from / this.#dimension);
    }
  }

  /** The squares of the lengths of the block's rows; throws for a row without a direction. */
  #lengths(count: number, first: number): Float32Array {
    const squares = this.#engine.blockSquares(count);
    const wrong = squares.findIndex((square) => !(square > 0 && square < Infinity));
    if (wrong < 0) return squares;
    const row = this.#engine.floats(this.#engine.block + 4 * wrong * this.#dimension, this.#dimension);
    const at = row.findIndex((x) => !Number.isFinite(x));
    const what = at < 0 ? "has no length, or one that is out of range" : `holds ${String(row[at])} at ${at}`;
    throw invalid(`Embedding ${first + wrong} of those given ${what}`);
  }

  #putBlock(count: number, rows: Uint32Array, first: number): void {
    const inverse = Float32Array.from(this.#lengths(count, first), (square) => 1 / Math.sqrt(square));
    const { bytes } = this.#engine;
    const put = (from: Uint8Array, scale: (i: number) => number): void =>
      rows.forEach((row, i) => {
        bytes.set(from.subarray(i * this.rowBytes, (i + 1) * this.rowBytes), this.#address(row));
        this.#scales[row] = scale(i);
      });
    if (this.precision === "f32") {
      put(bytes.subarray(this.#engine.block), (i) => inverse[i] as number);
    } else {
      const { values, steps } = this.#engine.quantizeBlock(count);
      put(values, (i) => (steps[i] as number) * (inverse[i] as number));
    }
  }
}
