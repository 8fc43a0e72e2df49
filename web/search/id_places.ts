/**
 * Where in a file's JSON list of ids each of them is. The list is read once, piece by piece, up to the ids that are asked for; the place of
 * one in a thousand is kept, so that later ones are found in a small part.
 */

import { eachOf } from "../shared/waiting.js";
import { broken, type EmbeddingId } from "./file.js";

/** Reads bytes of the file. */
type Read = (at: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;

/** Ids from one place that is kept to the next. */
const STEP = 1024;
/** Bytes that are read in one go. */
const PIECE = 1 << 20;
/** Reads at the same time: as many as HTTP/1 has connections. */
const AT_ONCE = 6;
/** Groups that are read together where they follow each other. */
const MOST_TOGETHER = 16;

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
    const ids = new Map<number, EmbeddingId[]>();
    await eachOf(runsOf(groups), AT_ONCE, new AbortController().signal, async ([first, end]) => {
      for (const [i, one] of (await this.#groups(first, end, read)).entries()) ids.set(first + i, one);
    });
    return new Map(wanted.map((row) => [row, ids.get(Math.floor(row / STEP))?.[row % STEP] as EmbeddingId]));
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

  /** The ids of groups that follow each other, which are read together. */
  async #groups(first: number, end: number, read: Read): Promise<EmbeddingId[][]> {
    const [at, past] = [this.#places[first], this.#places[end] ?? this.#end];
    if (at === undefined) throw broken("its ids end before its embeddings");
    const bytes = await read(at, past - 1 - at); // up to a comma, or the bracket
    return Array.from({ length: end - first }, (_, i) => {
      const group = first + i;
      const ends = group + 1 === end ? past : (this.#places[group + 1] as number);
      return this.#group(group, bytes.subarray((this.#places[group] as number) - at, ends - 1 - at));
    });
  }

  #group(group: number, bytes: Uint8Array): EmbeddingId[] {
    const expected = Math.min(STEP, this.#count - group * STEP);
    let ids: unknown;
    try {
      ids = JSON.parse(`[${new TextDecoder("utf-8", { fatal: true }).decode(bytes)}]`);
    } catch (cause) {
      throw broken("its ids are not JSON", cause);
    }
    const isId = (id: unknown): boolean => typeof id === "string" || (typeof id === "number" && Number.isFinite(id));
    if (!Array.isArray(ids) || ids.length !== expected || !ids.every(isId)) throw broken(`its ids are not ${this.#count} strings or numbers`);
    return ids as EmbeddingId[];
  }
}

/** Ascending numbers as runs of such as follow each other, none longer than {@link MOST_TOGETHER}: the first, and the end. */
function runsOf(numbers: readonly number[]): [first: number, end: number][] {
  const runs: [number, number][] = [];
  for (const one of numbers) {
    const last = runs.at(-1);
    if (last && last[1] === one && one - last[0] < MOST_TOGETHER) last[1] = one + 1;
    else runs.push([one, one + 1]);
  }
  return runs;
}
