/**
 * Files of embeddings: the parts that their formats have in common. A file is read piece by piece, as a Blob can be, and
 * whatever is wrong with it says what, and at which byte.
 */

import { ClipVisionError } from "../shared/errors.js";
import { LONGEST_MODEL } from "./limits.js";

/** What tells one embedding of a collection from another. */
export type EmbeddingId = string | number;

/** The formats that a collection is saved in; a file that is loaded is told by its content. */
export type CollectionFormat =
  /** The package's own: exactly what the collection holds, checksummed. */
  | "clip-vision"
  /** NumPy's `.npy`: a matrix of f32, without the ids. */
  | "npy"
  /** An Arrow IPC file (Feather without compression): the columns `id` and `embedding`. */
  | "arrow";

/** Rows of f32 that were read, one after the other, with their ids where the file has them. */
export interface RowsRead {
  dimension: number;
  values: Float32Array;
  ids: EmbeddingId[] | undefined;
  /** The model that made them, where the file says so. */
  model?: string | undefined;
}

/** The error for a file that is of a known format, but broken. */
export const broken = (what: string, cause?: unknown): ClipVisionError =>
  new ClipVisionError("decode", `The file of embeddings is broken: ${what}`, { cause });

/** The error for a file that is in order, but holds what is not read. */
export const unsupported = (what: string): ClipVisionError =>
  new ClipVisionError("unsupported-format", `This file of embeddings can't be read: ${what}`);

/** The name of a model in a file. */
export function checkedModel(model: string): string {
  if (model !== "" && model.length <= LONGEST_MODEL) return model;
  throw unsupported(`the name of its model has ${model.length} letters, and 1 to ${LONGEST_MODEL} are read`);
}

/** How many embeddings a file may hold: about as many ids as a `Map` of JavaScript's can. */
export const MOST_ROWS = 16_000_000;

/** How many values each may have: a search has room for a block of such, which is 84 MB. */
export const MOST_VALUES = 65_536;

/** Throws for more embeddings, or longer ones, than are read. */
export function checkRows(count: number, dimension: number): void {
  if (count > MOST_ROWS) throw unsupported(`it has ${count} embeddings, and ${MOST_ROWS} are read`);
  if (dimension > MOST_VALUES) throw unsupported(`its embeddings have ${dimension} values, and ${MOST_VALUES} are read`);
}

/** What a small read takes along for the next ones: a file of many small parts is not read in as many steps. */
const WINDOW = 1 << 16;

/** Reads parts of a Blob. */
export class FileReading {
  readonly #blob: Blob;
  readonly #signal: AbortSignal | undefined;
  #window: { at: number; bytes: Uint8Array<ArrayBuffer> } = { at: 0, bytes: new Uint8Array() };

  /** @param signal ends the reading: the next read rejects with its reason */
  constructor(blob: Blob, signal?: AbortSignal) {
    this.#blob = blob;
    this.#signal = signal;
  }

  /** In bytes. */
  get size(): number {
    return this.#blob.size;
  }

  /** The bytes from `at` on, in a buffer of their own; `what` they are is for the error if the file ends before. */
  async read(at: number, length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) {
      throw broken(`it ends at byte ${this.size}, and ${what} should reach from byte ${at} to ${at + length}`);
    }
    if (length > WINDOW) return this.#bytes(at, at + length);
    if (at < this.#window.at || at + length > this.#window.at + this.#window.bytes.length) {
      this.#window = { at, bytes: await this.#bytes(at, Math.min(at + WINDOW, this.size)) };
    }
    const from = at - this.#window.at;
    return this.#window.bytes.slice(from, from + length);
  }

  async #bytes(at: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#signal?.throwIfAborted();
    try {
      return new Uint8Array(await this.#blob.slice(at, end).arrayBuffer());
    } catch (cause) {
      throw new ClipVisionError("fetch", `The file of embeddings could not be read at byte ${at}`, { cause });
    }
  }
}

/** Bytes of a piece that is read or written in one go. */
export const PIECE = 1 << 22;

/** How many rows of so many bytes are read or written in one go. */
export const rowsPerPiece = (rowBytes: number): number => Math.max(1, Math.floor(PIECE / Math.max(1, rowBytes)));

/** Numbers of a file, as f32. */
export function floatsOf(bytes: Uint8Array<ArrayBuffer>, width: 2 | 4 | 8): Float32Array {
  const whole = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = whole;
  const count = whole.byteLength / width;
  if (width === 4) return new Float32Array(buffer, byteOffset, count);
  if (width === 8) return Float32Array.from(new Float64Array(buffer, byteOffset, count));
  return Float32Array.from(new Uint16Array(buffer, byteOffset, count), halfToFloat);
}

/** An IEEE half-precision number. */
function halfToFloat(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
