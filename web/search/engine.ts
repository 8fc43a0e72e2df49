/**
 * The search module: Rust's `crates/search/`, compiled to some kilobytes of WebAssembly that travel inside the JavaScript
 * (`wasm/search.js`, and without near duplicates `wasm/top_k.js`), so that there is no file to fetch and no address to get wrong: it works on a page, in a worker and in
 * Node alike, and whoever searches needs no model.
 *
 * The module has no allocator. Its memory, from the end of its own data on, is laid out here: room for one query and one
 * block of rows, then whatever the owner puts behind it.
 */

import { ClipVisionError, messageOf } from "../shared/errors.js";
import { aligned } from "../shared/values.js";
import { forbiddenBy, requireWebAssembly } from "../shared/web_assembly.js";

/** How a collection keeps embeddings: in 32-bit floats, or in 8-bit integers with a step for each row. */
export type RowPrecision = "f32" | "int8";

/** What the module offers; see `crates/search`. */
interface Exports {
  memory: WebAssembly.Memory;
  __heap_base: WebAssembly.Global;
  scores_f32(rows: number, count: number, dimension: number, query: number, scales: number, factor: number, out: number): void;
  scores_int8(rows: number, count: number, dimension: number, query: number, scales: number, factor: number, out: number): void;
  offer(
    scores: number, count: number, first: number, mask: number, threshold: number, heap: number, len: number, k: number,
  ): number;
  sort(heap: number, len: number): void;
  quantize_rows(rows: number, count: number, dimension: number, values: number, steps: number): void;
  quantize_query(query: number, dimension: number, levels: number): number;
  squares(rows: number, count: number, dimension: number, out: number): void;
  crc32_tables(tables: number): void;
  crc32(tables: number, crc: number, bytes: number, length: number): number;
}

/** Where in the memory what is. `end` is where the owner's part begins. */
interface Layout {
  query: number;
  levels: number;
  scales: number;
  mask: number;
  scores: number;
  rows: number;
  packed: number;
  end: number;
}

/** A block of rows that is searched, and what decides of each row. */
export interface Block {
  /** The address of the rows. */
  rows: number;
  /** How many: {@link BLOCK} at most. */
  count: number;
  /** The number of the first one. */
  first: number;
  /** What to multiply each score with: a value a row, or nothing. */
  scales: Float32Array | undefined;
  /** What to multiply every score with. */
  factor: number;
}

/** Rows that are searched in one go: few enough that a block that was copied in is still in the cache. */
export const BLOCK = 256;

const PAGE = 65536;
const TABLES = 8192;
const LANES = 16;
/** Of what is laid out in the memory. */
export const ALIGNMENT = 64;
const MATCH = 8; // a u32 and an f32

const compiled = new Map<string, WebAssembly.Module>();

function compile(wasm: string): WebAssembly.Module {
  const known = compiled.get(wasm);
  if (known) return known;
  requireWebAssembly();
  try {
    const module = new WebAssembly.Module(Uint8Array.from(atob(wasm), (char) => char.charCodeAt(0)));
    compiled.set(wasm, module);
    return module;
  } catch (cause) {
    const what = "The search module";
    const why = `${what} can't be started: this browser's WebAssembly has no SIMD: ${messageOf(cause)}`;
    throw forbiddenBy(what, cause) ?? new ClipVisionError("unsupported-browser", why, { cause });
  }
}

/** One instance of the module with a memory of its own. */
export class SearchEngine {
  readonly #exports: Exports;
  readonly #tables: number;
  #dimension = 0;
  #layout: Layout = { query: 0, levels: 0, scales: 0, mask: 0, scores: 0, rows: 0, packed: 0, end: 0 };
  #floats = new Float32Array();
  #bytes = new Uint8Array();

  /**
   * @param wasm the module, in base64: all of it, or that part of it that a page carries for `topK`
   * @throws {@link ClipVisionError} `unsupported-browser`
   */
  constructor(wasm: string) {
    this.#exports = new WebAssembly.Instance(compile(wasm)).exports as unknown as Exports;
    this.#tables = aligned(Number(this.#exports.__heap_base.value), ALIGNMENT);
    this.prepare(LANES); // checksums need room before there is a dimension
    this.#exports.crc32_tables(this.#tables);
  }

  /** What else the module offers: `near.ts` has the part of the full one. */
  get exports(): object {
    return this.#exports;
  }

  /** Values of a row. */
  get dimension(): number {
    return this.#dimension;
  }

  /** All of the memory, as bytes; another array after each {@link reserve}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Makes room for queries and blocks of this dimension; what lay behind them is lost. */
  prepare(dimension: number): void {
    if (dimension === this.#dimension) return;
    const query = this.#tables + TABLES;
    const levels = aligned(query + 4 * dimension, ALIGNMENT);
    const scales = aligned(levels + 2 * dimension, ALIGNMENT);
    const mask = scales + 4 * BLOCK;
    const scores = mask + BLOCK;
    const rows = scores + 4 * BLOCK;
    const packed = rows + 4 * BLOCK * dimension;
    const end = aligned(packed + BLOCK * dimension, ALIGNMENT);
    this.reserve(end);
    this.#dimension = dimension;
    this.#layout = { query, levels, scales, mask, scores, rows, packed, end };
  }

  /** Where the room for one block of rows is. */
  get block(): number {
    return this.#layout.rows;
  }

  /** The first address that is the owner's. */
  get end(): number {
    return this.#layout.end;
  }

  /**
   * Makes the memory reach to `end`.
   *
   * @throws {@link ClipVisionError} `out-of-memory`
   */
  reserve(end: number): void {
    const { memory } = this.#exports;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) {
      try {
        memory.grow(Math.ceil(missing / PAGE));
      } catch (cause) {
        const what = `A search needs ${Math.ceil(end / 1e6)} MB of memory, and this browser gives no more than it did`;
        throw new ClipVisionError("out-of-memory", what, { cause });
      }
    }
    if (this.#bytes.buffer === memory.buffer) return;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#floats = new Float32Array(memory.buffer);
  }

  /** f32 values at an address: a view that lasts until the memory grows. */
  floats(address: number, length: number): Float32Array {
    return this.#floats.subarray(address / 4, address / 4 + length);
  }

  /** Takes the query of the next searches; what one unit of their scores is worth. */
  setQuery(query: Float32Array, precision: RowPrecision): number {
    const { query: at, levels } = this.#layout;
    this.#floats.set(query, at / 4);
    return precision === "f32" ? 1 : this.#exports.quantize_query(at, this.#dimension, levels);
  }

  /** The scores of a block's rows: a view that the next call writes to. */
  scores({ rows, count, scales, factor }: Omit<Block, "first">, precision: RowPrecision): Float32Array {
    const at = this.#layout;
    if (scales) this.#floats.set(scales, at.scales / 4);
    const score = precision === "f32" ? this.#exports.scores_f32 : this.#exports.scores_int8;
    const query = precision === "f32" ? at.query : at.levels;
    score(rows, count, this.#dimension, query, scales ? at.scales : 0, factor, at.scores);
    return this.floats(at.scores, count);
  }

  /** Scores a block and offers its rows to a heap at `heap` with room for `k`, which holds `found`; how many it holds then. */
  scan(
    block: Block,
    precision: RowPrecision,
    { heap, found, k, mask, threshold }: { heap: number; found: number; k: number; mask?: Uint8Array; threshold: number },
  ): number {
    this.scores(block, precision);
    const at = this.#layout;
    if (mask) this.#bytes.set(mask, at.mask);
    return this.#exports.offer(at.scores, block.count, block.first, mask ? at.mask : 0, threshold, heap, found, k);
  }

  /** The bytes that a heap with room for `k` takes. */
  static heapBytes(k: number): number {
    return MATCH * k;
  }

  /** What a heap holds, the best first. */
  matches(heap: number, found: number): { rows: Uint32Array<ArrayBuffer>; scores: Float32Array<ArrayBuffer> } {
    this.#exports.sort(heap, found);
    const words = new Uint32Array(this.#bytes.buffer, heap, 2 * found);
    const scores = this.floats(heap, 2 * found);
    return {
      rows: Uint32Array.from({ length: found }, (_, i) => words[2 * i] as number),
      scores: Float32Array.from({ length: found }, (_, i) => scores[2 * i + 1] as number),
    };
  }

  /** The block's f32 rows in 8 bits, and each one's step: views that the next call writes to. */
  quantizeBlock(count: number): { values: Uint8Array; steps: Float32Array } {
    const { rows, packed, scales } = this.#layout;
    this.#exports.quantize_rows(rows, count, this.#dimension, packed, scales);
    return { values: this.#bytes.subarray(packed, packed + count * this.#dimension), steps: this.floats(scales, count) };
  }

  /** The sums of squares of the block's f32 rows: a view that the next call writes to. */
  blockSquares(count: number): Float32Array {
    this.#exports.squares(this.#layout.rows, count, this.#dimension, this.#layout.scores);
    return this.floats(this.#layout.scores, count);
  }

  /** The CRC-32 of what had `crc` before and of the bytes at an address. */
  crc32(crc: number, address: number, length: number): number {
    return this.#exports.crc32(this.#tables, crc, address, length) >>> 0;
  }

  /** The CRC-32 of bytes from elsewhere, a block at a time through the room for rows. */
  crc32Of(bytes: Uint8Array): number {
    const room = this.#layout.end - this.#layout.rows;
    let crc = 0;
    for (let from = 0; from < bytes.length; from += room) {
      const piece = bytes.subarray(from, from + room);
      this.#bytes.set(piece, this.#layout.rows);
      crc = this.crc32(crc, this.#layout.rows, piece.length);
    }
    return crc;
  }
}
