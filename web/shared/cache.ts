/**
 * The cache of loaded models. An entry is one model in one precision: a record (`<id>.json`) and a file for each tower,
 * in the form that `clip-vision convert` writes, which holds all that a load needs. The record names the files, their
 * sizes and their checksums, and is written last: a file that no record names does not exist, whatever became of the page
 * that was writing it. Files have random names, so that two tabs never write the same one. Addresses may hold secrets: the
 * record knows files by their roles (`model_files.ts`), and the id is a hash.
 */

import { ClipVisionError } from "./errors.js";
import type { Validators } from "./files.js";
import type { Verified } from "./integrity.js";
import type { Store, Writer } from "./store.js";
import { hexOf } from "./values.js";

/** Changes whenever the record or the way to its id does; the files have a version of their own. */
export const VERSION = 3;

/** A tower of a model. */
export type Part = "vision" | "text";

interface FileRecord {
  file: string;
  bytes: number;
}

interface PartRecord extends FileRecord {
  /** CRC-32 of the file. */
  checksum: number;
  /** What the files that it is made of were verified with; missing where nobody asked for that. */
  verified?: Verified;
  /** Of a text tower: its table of tokens was asked for with it, whatever its size. */
  whole?: true;
}

/** Rows of a table of tokens. */
interface RowsRecord extends FileRecord {
  /** In hexadecimal digits. */
  sha256: string;
}

/** What an entry says of itself. */
export interface CacheRecord {
  version: typeof VERSION;
  /** What was loaded: the Hub id, or the address without its query. */
  model: string;
  revision?: string;
  precision: string;
  /** When it was downloaded, in milliseconds since 1970. */
  created: number;
  /** What the server said of each file, by its role. */
  validators: Record<string, Validators>;
  /** The files are those that open_clip writes, not transformers'. */
  layout?: "open_clip";
  parts: Partial<Record<Part, PartRecord>>;
  /** Rows of a table of tokens that the text tower's file has not (`worker/kept_rows.ts`). */
  rows?: RowsRecord;
}

/** What identifies a model: everything that a load's result depends on. */
export interface CacheKey {
  model: string;
  revision?: string;
  precision: string;
  /** The addresses of its files, by their roles; and the names of files that checksums chose in their place. */
  urls: readonly (readonly [role: string, url: string])[];
}

/** An entry's id: a hash of its key. */
export async function cacheId(key: CacheKey): Promise<string> {
  const text = JSON.stringify([VERSION, key.precision, ...key.urls]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return hexOf(hash.subarray(0, 16));
}

/** A part on its way into the cache. */
export interface Recording {
  readonly file: string;
  readonly writer: Writer;
}

/** The entries of a store; `cache_upkeep.ts` has what is done with all of them. */
export class ModelCache {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** An entry's record; `undefined` where there is none, or none that can be read. */
  async record(id: string): Promise<CacheRecord | undefined> {
    const blob = await this.store.read(`${id}.json`);
    if (!blob) return undefined;
    try {
      const record = JSON.parse(await blob.text()) as CacheRecord;
      return record.version === VERSION && typeof record.parts === "object" ? record : undefined;
    } catch {
      return undefined; // cut off while it was written
    }
  }

  /** The file of a part, of the size that it should have. Throws where it is not there. */
  async open({ file, bytes }: FileRecord): Promise<Blob> {
    const blob = await this.store.read(file);
    if (blob?.size === bytes) return blob;
    throw new ClipVisionError("weights", blob ? `It has ${blob.size} bytes instead of ${bytes}` : "Its file is gone");
  }

  /** Begins to write a part. */
  async begin(id: string, part: Part | "rows"): Promise<Recording> {
    const file = `${id}.${part}.${crypto.randomUUID()}`;
    return { file, writer: await this.store.create(file) };
  }

  /** Writes an entry's record, and removes files that it replaces. */
  async commit(id: string, record: CacheRecord): Promise<void> {
    const before = await this.record(id);
    const writer = await this.store.create(`${id}.json`);
    try {
      writer.write(0, new TextEncoder().encode(JSON.stringify(record)));
      await writer.close();
    } catch (error) {
      await writer.discard();
      throw error;
    }
    const named = new Set(filesOf(record));
    for (const file of before ? filesOf(before) : []) if (!named.has(file)) await this.discard(file);
  }

  /** Removes an entry. */
  async remove(id: string): Promise<void> {
    await this.store.remove(`${id}.json`);
    for (const name of await this.store.list()) if (name.startsWith(`${id}.`)) await this.discard(name);
  }

  /** Removes a file; one that another tab is reading or writing stays, until the next time. */
  async discard(file: string): Promise<void> {
    await this.store.remove(file).catch(() => undefined);
  }
}

/** The files that a record names. */
export const filesOf = ({ parts, rows }: CacheRecord): string[] => [...Object.values(parts), ...(rows ? [rows] : [])].map(({ file }) => file);

/** A record without parts. */
export const freshRecord = ({ model, revision, precision }: CacheKey): CacheRecord => ({
  version: VERSION,
  model,
  ...(revision !== undefined && { revision }),
  precision,
  created: Date.now(),
  validators: {},
  parts: {},
});
