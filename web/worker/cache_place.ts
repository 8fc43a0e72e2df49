/**
 * A model's place in the cache: what is there is taken from it, unless it is damaged or no longer what the server has; what
 * is not is recorded while it is loaded. Of several tabs one downloads, and the others wait for it.
 */

import { cacheId, filesOf, freshRecord, ModelCache, type CacheKey, type CacheRecord, type Part, type Recording } from "../shared/cache.js";
import { isCoded, messageOf } from "../shared/errors.js";
import type { Validators } from "../shared/files.js";
import type { Verified } from "../shared/integrity.js";
import type { LoadWarning, WireFile, WireLoad } from "../shared/protocol.js";
import type { Network } from "../shared/remote_file.js";
import { VERDICTS, type Store } from "../shared/store.js";
import { guarded, type Engine, type EngineLoader } from "./engine.js";
import type { Seldom } from "./seldom.js";

/** What the cache needs of the world. */
export interface CacheHost extends Network {
  /** Opens the cache's store; rejects where there is none. */
  openStore(): Promise<Store>;
  /** Does work while nobody else, in whichever tab, does work of the same name. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Tells the page of something that went wrong, though the load goes on. */
  warn(warning: LoadWarning): void;
  /** Gets what few models need of the loading. */
  seldom(): Promise<Seldom>;
}

/** Writes a part into the cache as it is loaded. */
export interface Recorder {
  /** Takes on what has been recorded, to disk. */
  drain(): void;
  /** Ends the part; `seen` is what the server has said of the files, by their roles, `layout` whose files they are, and `verified` what was checked. */
  finish(seen: Record<string, Validators>, layout: CacheRecord["layout"], verified: Verified | undefined): Promise<void>;
  discard(): Promise<void>;
}

/** See the module. What is public is there for `kept_rows.ts` too. */
export class CachePlace {
  readonly host: CacheHost;
  readonly load: WireLoad;
  readonly #engine: () => Promise<Engine>;
  readonly cache: ModelCache;
  readonly #key: CacheKey;
  readonly id: string;

  private constructor(host: CacheHost, load: WireLoad, engine: () => Promise<Engine>, cache: ModelCache, key: CacheKey, id: string) {
    this.host = host;
    this.load = load;
    this.#engine = engine;
    this.cache = cache;
    this.#key = key;
    this.id = id;
  }

  /** The place of a model that is to be cached and can be. */
  static async open(host: CacheHost, load: WireLoad, engine: () => Promise<Engine>): Promise<CachePlace | undefined> {
    const { cache, model, name, revision, precision = "stored" } = load;
    const files = Object.entries(model) as [string, WireFile][];
    // Files that the user picked, and those of a disk, are on this machine already.
    if (cache === "off" || !files.every(([, file]) => "url" in file && !/^file:/i.test(file.url))) return undefined;
    const urls = files.map(([role, file]): [string, string] => [role, "url" in file ? file.url : ""]);
    if (load.integrity) for (const file of (await host.seldom()).chosenBy(load)) urls.push(["chosen", file]);
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

  warn(code: LoadWarning["code"], message: string, cause: unknown): void {
    warn(this.host, code, message, cause);
  }

  /** Throws the entry away. Never fails. */
  async remove(): Promise<void> {
    await this.cache.remove(this.id).catch(() => undefined);
  }

  /** Does work while no other tab writes this entry. */
  locked<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.host.lock(`clip-vision:${this.id}`, signal, work);
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
    return this.locked(signal, async () => {
      const meanwhile = await this.#cached(part, signal, from.fromCache);
      if (meanwhile) return meanwhile.value;
      const stored = part === "text" ? await this.cache.record(this.id).catch(() => undefined) : undefined;
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
      record = await this.cache.record(this.id);
    } catch (error) {
      this.warn("cache-unavailable", "The cache could not be read", error);
      return undefined;
    }
    const entry = record?.parts[part];
    if (!record || !entry) return undefined;
    if (this.load.integrity && !(await this.host.seldom()).covers(this.load, part, entry.verified)) return undefined;
    // A text tower without its table is no use to whoever wants the whole one.
    if (part === "text" && this.load.table === "whole" && !entry.whole) return undefined;
    if (this.load.cache === "revalidate" && part === "vision" && !(await this.#isFresh(record, signal))) return undefined;
    await this.#engine(); // an engine that does not start says nothing of the entry
    try {
      return { value: await use(await this.cache.open(entry), record) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // Unless the entry is damaged, another download would not help.
      const damaged = isCoded(error) ? error.code === "weights" || error.code === "config" || error.code === "fetch" : error instanceof DOMException;
      if (!damaged) throw error;
      this.warn("cache-corrupt", `The cached ${this.load.name} was damaged and is downloaded again`, error);
      await this.remove();
      return undefined;
    }
  }

  /** Whether the server's files are still those of an entry; without an answer they are. */
  async #isFresh(record: CacheRecord, signal: AbortSignal): Promise<boolean> {
    try {
      return await (await this.host.seldom()).isFresh(record, this.load, this.host, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      this.warn("cache-unchecked", `${this.load.name} comes from the cache, without being compared with the server`, error);
      return true;
    }
  }

  /** Tidies the cache up, unless this entry is all that is there, as it mostly is. Never fails: the next load does it again. */
  async #tidy(record?: CacheRecord): Promise<void> {
    try {
      const known = record && [`${this.id}.json`, VERDICTS, ...filesOf(record)];
      const names = await this.cache.store.list();
      if (!names.every((name) => known?.includes(name))) await (await this.host.seldom()).tidy(this.cache);
    } catch {
      // no network, say
    }
  }

  /** Writes what a loader records into the cache; what fails there is a warning, and the load goes on. */
  async recorder(part: Part, record: CacheRecord, engine: Engine, loader: EngineLoader): Promise<Recorder | undefined> {
    const [cache, id] = [this.cache, this.id];
    const { table, integrity } = this.load;
    const isWhole = part === "text" && (table === "whole" || integrity !== undefined);
    let recording: Recording | undefined;
    let at: number | undefined;
    const fail = async (error: unknown) => {
      const failed = recording;
      recording = undefined;
      await failed?.writer.discard();
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      if (full) {
        this.warn("cache-full", "The model is not cached: there is no room for it", error);
        await this.#tidy(); // room for the next time
      }
      if (!full) this.warn("cache-unavailable", "The model could not be cached", error);
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
          const whole = { ...kept, ...(layout && { layout }), validators: { ...record.validators, ...seen }, parts };
          await cache.commit(id, whole);
          await this.#tidy(whole);
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
