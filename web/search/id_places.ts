/**
 * Where in a file's JSON list of ids each of them is. The list is read once, piece by piece, up to the ids that are asked for; the place of
 * one in a thousand is kept, so that later ones are found in a small part.
 */

import { broken, type EmbeddingId } from "./file.js";

/** Reads bytes of the file. */
type Read = (at: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;

/** Ids from one place that is kept to the next. */
const STEP = 1024;
/** Bytes that are read in one go. */
const PIECE = 1 << 20;

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE] = ['"', "\\", ",", "[", "]"].map((sign) => sign.charCodeAt(0));

/** See the module. */
export class IdPlaces {
  readonly #end: number;
  readonly #count: number;
  /** Of each group of {@link STEP} ids, where its first begins; as far as the list has been read. */
  readonly #places: number[];
  #known = false;

  /** @param range where the list is: its first byte, and how many */
  constructor([at, length]: readonly [number, number], count: number) {
    [this.#end, this.#count, this.#places] = [at + length, count, [at + 1]];
  }

  /** The ids of rows. Throws `decode` for a list that is none. */
  async of(rows: Iterable<number>, read: Read): Promise<Map<number, EmbeddingId>> {
    const wanted = [...new Set(rows)];
    const groups = [...new Set(wanted.map((row) => Math.floor(row / STEP)))].sort((a, b) => a - b);
    const last = groups.at(-1);
    if (last !== undefined) await this.#findUpTo(last + 1, read);
    const found = new Map<number, EmbeddingId>();
    for (const group of groups) {
      const ids = await this.#group(group, read);
      for (const row of wanted) if (Math.floor(row / STEP) === group) found.set(row, ids[row % STEP] as EmbeddingId);
    }
    return found;
  }

  /** Looks for where groups begin, up to this one. */
  async #findUpTo(group: number, read: Read): Promise<void> {
    let at = this.#places.at(-1) as number;
    let row = (this.#places.length - 1) * STEP;
    let [inText, escaped] = [false, false];
    while (!this.#known && this.#places.length <= group && at < this.#end) {
      const bytes = await read(at, Math.min(PIECE, this.#end - at));
      // Another search may have found them meanwhile: places are only ever added behind those that are there.
      for (let i = 0; i < bytes.length; i += 1) {
        const byte = bytes[i];
        if (escaped) escaped = false;
        else if (inText && byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inText = !inText;
        else if (!inText && (byte === OPEN || byte === CLOSE) && at + i !== this.#end - 1) throw broken("its ids are no list of strings and numbers");
        else if (!inText && byte === COMMA) {
          row += 1;
          if (row % STEP === 0 && row / STEP === this.#places.length) this.#places.push(at + i + 1);
        }
      }
      at += bytes.length;
    }
    if (at >= this.#end) {
      this.#known = true;
      if (row + 1 !== this.#count) throw broken(`its ids are ${row + 1}, and its embeddings ${this.#count}`);
    }
  }

  async #group(group: number, read: Read): Promise<EmbeddingId[]> {
    const at = this.#places[group];
    const next = this.#places[group + 1];
    const expected = Math.min(STEP, this.#count - group * STEP);
    const ends = (next ?? this.#end) - 1; // a comma, or the bracket
    if (at === undefined) throw broken("its ids end before its embeddings");
    let ids: unknown;
    try {
      ids = JSON.parse(`[${new TextDecoder("utf-8", { fatal: true }).decode(await read(at, ends - at))}]`);
    } catch (cause) {
      throw broken("its ids are not JSON", cause);
    }
    const isId = (id: unknown): boolean => typeof id === "string" || (typeof id === "number" && Number.isFinite(id));
    if (!Array.isArray(ids) || ids.length !== expected || !ids.every(isId)) throw broken(`its ids are not ${this.#count} strings or numbers`);
    return ids as EmbeddingId[];
  }
}
