/**
 * The rows of a table of tokens that the cache keeps: all ranges that were read, one after the other, each behind where it
 * begins in the table's file and how long it is, two little-endian float64.
 */

import { ClipVisionError } from "../shared/errors.js";
import { sha256Of } from "../shared/integrity.js";
import type { CachePlace } from "./cache_place.js";

/** Milliseconds without new rows after which they are written. */
const QUIET = 1000;
const HEAD = 16;

type Range = readonly [at: number, bytes: Uint8Array];

/** See the module. */
export class KeptRows {
  readonly #save: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #ranges: Range[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(save: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.#save = save;
  }

  /** Takes a range that was read; a while later all are saved. */
  add(at: number, bytes: Uint8Array): void {
    this.#ranges.push([at, bytes]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(packed(this.#ranges)), QUIET);
  }

  /** Forgets all of them: they are damaged. */
  forget(): void {
    this.#ranges.length = 0;
  }

  /** The ranges that were saved. */
  restore(saved: Uint8Array<ArrayBuffer> | undefined): readonly Range[] {
    if (saved) this.#ranges.push(...unpacked(saved));
    return [...this.#ranges];
  }
}

/** The rows of a model's place in the cache. */
export class RowsPlace {
  readonly #place: CachePlace;
  /** The text tower's file that they belong to. */
  #rowsOf: string | undefined;

  constructor(place: CachePlace) {
    this.#place = place;
  }

  /** What is kept; `undefined` where there is nothing, or it is damaged. Never fails. */
  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { cache, id, load } = this.#place;
    try {
      const record = await cache.record(id);
      this.#rowsOf = record?.parts.text?.file;
      const rows = record?.rows;
      if (!rows) return undefined;
      const bytes = new Uint8Array(await (await cache.open(rows)).arrayBuffer());
      if ((await sha256Of(bytes)) === rows.sha256) return bytes;
      throw new ClipVisionError("weights", "Their checksum is wrong");
    } catch (error) {
      this.#place.warn("cache-corrupt", `The rows of ${load.name}'s table of tokens that were kept are damaged and are read again`, error);
      return undefined;
    }
  }

  /** Keeps rows beside a text tower that is in the cache, in place of those that were kept. Never fails. */
  async save(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { cache, id } = this.#place;
    const save = async () => {
      const record = await cache.record(id);
      // Another tab may have downloaded another model's meanwhile.
      if (!record?.parts.text || record.parts.text.file !== this.#rowsOf) return;
      const { file, writer } = await cache.begin(id, "rows");
      try {
        writer.write(0, bytes);
        await writer.close();
        await cache.commit(id, { ...record, rows: { file, bytes: bytes.byteLength, sha256: await sha256Of(bytes) } });
      } catch (error) {
        await writer.discard();
        throw error;
      }
    };
    await this.#place.locked(new AbortController().signal, save).catch(() => undefined); // they are read again the next time
  }
}

function packed(ranges: readonly Range[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(ranges.reduce((sum, [, bytes]) => sum + HEAD + bytes.byteLength, 0));
  const view = new DataView(all.buffer);
  let place = 0;
  for (const [at, bytes] of ranges) {
    view.setFloat64(place, at, true);
    view.setFloat64(place + 8, bytes.byteLength, true);
    all.set(bytes, place + HEAD);
    place += HEAD + bytes.byteLength;
  }
  return all;
}

function unpacked(all: Uint8Array<ArrayBuffer>): Range[] {
  const view = new DataView(all.buffer);
  const ranges: Range[] = [];
  for (let place = 0; place + HEAD <= all.byteLength; ) {
    const length = view.getFloat64(place + 8, true);
    const end = place + HEAD + length;
    if (!(length > 0) || end > all.byteLength) break;
    ranges.push([view.getFloat64(place, true), all.subarray(place + HEAD, end)]);
    place = end;
  }
  return ranges;
}
