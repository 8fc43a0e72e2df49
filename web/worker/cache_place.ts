/**
 * A model's place in the cache: what is there is taken from it, unless it is damaged or no longer what the server has; what
 * is not is recorded while it is loaded. Of several tabs one downloads, and the others wait for it.
 */

import { cacheId, freshRecord, ModelCache, type CacheKey, type CacheRecord, type Part, type Recording } from "../shared/cache.js";
import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import type { Validators } from "../shared/files.js";
import { sha256Of, type Verified } from "../shared/integrity.js";
import { addressOf, openClipOf } from "../shared/model_files.js";
import type { LoadWarning, WireFile, WireLoad } from "../shared/protocol.js";
import { changed, RemoteFile, type Network } from "../shared/remote_file.js";
import type { Store } from "../shared/store.js";
import { chosenBy, covers } from "./checksums.js";
import { guarded, type Engine, type EngineLoader } from "./engine.js";

/** What the cache needs of the world. */
export interface CacheHost extends Network {
  /** Opens the cache's store; rejects where there is none. */
  openStore(): Promise<Store>;
  /** Does work while nobody else, in whichever tab, does work of the same name. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Tells the page of something that went wrong, though the load goes on. */
  warn(warning: LoadWarning): void;
}

/** Writes a part into the cache as it is loaded. */
export interface Recorder {
  /** Takes on what has been recorded, to disk. */
  drain(): void;
  /** Ends the part; `seen` is what the server has said of the files, by their roles, `layout` whose files they are, and `verified` what was checked. */
  finish(seen: Record<string, Validators>, layout: CacheRecord["layout"], verified: Verified | undefined): Promise<void>;
  discard(): Promise<void>;
}

/** See the module. */
export class CachePlace {
  readonly #host: CacheHost;
  readonly #load: WireLoad;
  readonly #engine: () => Promise<Engine>;
  readonly #cache: ModelCache;
  readonly #key: CacheKey;
  readonly #id: string;
  /** The text tower's file that the kept rows belong to. */
  #rowsOf: string | undefined;

  private constructor(host: CacheHost, load: WireLoad, engine: () => Promise<Engine>, cache: ModelCache, key: CacheKey, id: string) {
    this.#host = host;
    this.#load = load;
    this.#engine = engine;
    this.#cache = cache;
    this.#key = key;
    this.#id = id;
  }

  /** The place of a model that is to be cached and can be. */
  static async open(host: CacheHost, load: WireLoad, engine: () => Promise<Engine>): Promise<CachePlace | undefined> {
    const { cache, model, name, revision, precision = "stored" } = load;
    const files = Object.entries(model) as [string, WireFile][];
    // Files that the user picked, and those of a disk, are on this machine already.
    if (cache === "off" || !files.every(([, file]) => "url" in file && !/^file:/i.test(file.url))) return undefined;
    const urls = files.map(([role, file]): [string, string] => [role, "url" in file ? file.url : ""]);
    for (const file of chosenBy(load)) urls.push(["chosen", file]);
    const key = { model: name, ...(revision !== undefined && { revision }), precision, urls };
    try {
      // First the store, whose error says why there is none: pages without https cannot hash either.
      const store = await host.openStore();
      return new CachePlace(host, load, engine, new ModelCache(store), key, await cacheId(key));
    } catch (error) {
      warn(host, "cache-unavailable", "The model is not cached: there is no storage for it", error);
      return undefined;
    }
  }

  /** Throws the entry away. Never fails. */
  async remove(): Promise<void> {
    await this.#cache.remove(this.#id).catch(() => undefined);
  }

  /** The rows of the table of tokens that are kept; `undefined` where there are none, or damaged ones. Never fails. */
  async rows(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const record = await this.#cache.record(this.#id);
      this.#rowsOf = record?.parts.text?.file;
      const rows = record?.rows;
      if (!rows) return undefined;
      const bytes = new Uint8Array(await (await this.#cache.open(rows)).arrayBuffer());
      if ((await sha256Of(bytes)) === rows.sha256) return bytes;
      throw new ClipVisionError("weights", "Their checksum is wrong");
    } catch (error) {
      warn(this.#host, "cache-corrupt", `The rows of ${this.#load.name}'s table of tokens that were kept are damaged and are read again`, error);
      return undefined;
    }
  }

  /** Keeps rows beside a text tower that is in the cache, in place of those that were kept. Never fails. */
  async saveRows(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#locked(new AbortController().signal, async () => {
      const record = await this.#cache.record(this.#id);
      // Another tab may have downloaded another model's meanwhile.
      if (!record?.parts.text || record.parts.text.file !== this.#rowsOf) return;
      const { file, writer } = await this.#cache.begin(this.#id, "rows");
      try {
        writer.write(0, bytes);
        await writer.close();
        await this.#cache.commit(this.#id, { ...record, rows: { file, bytes: bytes.byteLength, sha256: await sha256Of(bytes) } });
      } catch (error) {
        await writer.discard();
        throw error;
      }
    }).catch(() => undefined); // they are read again the next time
  }

  /** Does work while no other tab writes this entry. */
  #locked<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#host.lock(`clip-vision:${this.#id}`, signal, work);
  }

  /** A part from the cache, or from the server by way of it. Of several tabs one downloads, and the others wait for it. */
  async part<T>(
    part: Part,
    signal: AbortSignal,
    from: {
      fromCache: (blob: Blob, record: CacheRecord) => Promise<T>;
      fromServer: (record: CacheRecord) => Promise<T>;
    },
  ): Promise<T> {
    const cached = await this.#cached(part, signal, from.fromCache);
    if (cached) return cached.value;
    return this.#locked(signal, async () => {
      const meanwhile = await this.#cached(part, signal, from.fromCache);
      if (meanwhile) return meanwhile.value;
      const stored = part === "text" ? await this.#cache.record(this.#id).catch(() => undefined) : undefined;
      return from.fromServer(stored ?? freshRecord(this.#key));
    });
  }

  /** What the cache makes of a part, if it is there and still what it should be. */
  async #cached<T>(
    part: Part,
    signal: AbortSignal,
    use: (blob: Blob, record: CacheRecord) => Promise<T>,
  ): Promise<{ value: T } | undefined> {
    let record: CacheRecord | undefined;
    try {
      record = await this.#cache.record(this.#id);
    } catch (error) {
      warn(this.#host, "cache-unavailable", "The cache could not be read", error);
      return undefined;
    }
    const entry = record?.parts[part];
    if (!record || !entry || !covers(this.#load, part, entry.verified)) return undefined;
    // A text tower without its table is no use to whoever wants the whole one.
    if (part === "text" && this.#load.table === "whole" && !entry.whole) return undefined;
    if (this.#load.cache === "revalidate" && part === "vision" && !(await this.#isFresh(record, signal))) return undefined;
    await this.#engine(); // an engine that does not start says nothing of the entry
    try {
      return { value: await use(await this.#cache.open(entry), record) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // Unless the entry is damaged, another download would not help.
      const damaged = isCoded(error) ? error.code === "weights" || error.code === "config" || error.code === "fetch" : error instanceof DOMException;
      if (!damaged) throw error;
      warn(this.#host, "cache-corrupt", `The cached ${this.#load.name} was damaged and is downloaded again`, error);
      await this.remove();
      return undefined;
    }
  }

  /** Asks the server whether its files are still those of an entry; without an answer they are. */
  async #isFresh({ validators, layout }: CacheRecord, signal: AbortSignal): Promise<boolean> {
    const model = (layout && openClipOf(this.#load.model)) ?? this.#load.model;
    for (const [key, before] of Object.entries(validators)) {
      const url = addressOf(model, key);
      if (url === undefined) return false;
      let now: Validators;
      try {
        now = await validatorsOf(url, this.#host, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        warn(this.#host, "cache-unchecked", `${this.#load.name} comes from the cache, without being compared with the server`, error);
        return true;
      }
      if (changed(before, now)) return false;
    }
    return true;
  }

  /** Writes what a loader records into the cache; what fails there is a warning, and the load goes on. */
  async recorder(part: Part, record: CacheRecord, engine: Engine, loader: EngineLoader): Promise<Recorder | undefined> {
    const [cache, id] = [this.#cache, this.#id];
    const { table, integrity } = this.#load;
    const isWhole = part === "text" && (table === "whole" || integrity !== undefined);
    let recording: Recording | undefined;
    let at: number | undefined;
    const fail = async (error: unknown) => {
      const failed = recording;
      recording = undefined;
      await failed?.writer.discard();
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      if (full) {
        warn(this.#host, "cache-full", "The model is not cached: there is no room for it", error);
        await cache.tidy().catch(() => undefined); // room for the next time
      }
      if (!full) warn(this.#host, "cache-unavailable", "The model could not be cached", error);
    };
    try {
      recording = await cache.begin(id, part);
    } catch (error) {
      await fail(error);
      return undefined;
    }
    return {
      drain: () => {
        at ??= guarded(engine, () => loader.recordedStart());
        const data = guarded(engine, () => loader.takeRecorded());
        if (!recording || at === undefined || data.byteLength === 0) return;
        try {
          recording.writer.write(at, data);
          at += data.byteLength;
        } catch (error) {
          void fail(error);
        }
      },
      finish: async (seen, layout, verified) => {
        const recorded = guarded(engine, () => loader.finishRecording());
        if (!recording || !recorded || at === undefined) return;
        const { file, writer } = recording;
        try {
          const { header, checksum } = recorded;
          writer.write(0, header);
          await writer.close();
          const parts = { ...record.parts, [part]: { file, bytes: at, checksum, ...(verified && { verified }), ...(isWhole && { whole: true as const }) } };
          const { rows: _, ...kept } = record; // they were of an earlier text tower
          await cache.commit(id, { ...kept, ...(layout && { layout }), validators: { ...record.validators, ...seen }, parts });
          await cache.tidy();
        } catch (error) {
          await fail(error);
        }
      },
      discard: async () => {
        await recording?.writer.discard();
        recording = undefined;
      },
    };
  }
}

function warn(host: CacheHost, code: LoadWarning["code"], message: string, cause: unknown): void {
  host.warn({ code, message: `${message} (${messageOf(cause)})` });
}

/** What the server says of a file, without reading it. */
async function validatorsOf(url: string, host: Network, signal: AbortSignal): Promise<Validators> {
  const file = new RemoteFile(url, host);
  let known = false;
  await file.read({ wanted: () => (known ? undefined : [0, 1]), take: () => void (known = true), size: () => undefined }, signal);
  return file.validators;
}
