/**
 * How a model gets into the engine: from the cache if it is there, else from the server, piece by piece as it arrives; and
 * then into the cache on the way. The vision tower at once, the text tower when it is asked for.
 *
 * The cache never stands in the way: where it can't be used the model is loaded without it, with a warning, and an entry
 * that is damaged is thrown away and downloaded again, once.
 */

import { cacheId, freshRecord, ModelCache, type CacheKey, type CacheRecord, type Part, type Recording } from "../shared/cache.js";
import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import { HttpError, nameOf, shortUrl, type Fetch, type Validators } from "../shared/files.js";
import { checkSha256 } from "../shared/integrity.js";
import type { LoadProgress, LoadWarning, WireFile, WireLoad } from "../shared/protocol.js";
import type { Store } from "../shared/store.js";
import { given, joined } from "../shared/values.js";
import { EngineCrash, guarded, type Engine, type EngineFiles, type EngineModel, type EngineTextLoader } from "./engine.js";
import type { Sleep } from "./retry.js";
import { BlobSource, changed, FileChanged, RemoteFile, type Source, type Taker } from "./sources.js";
import type { TokenizerFiles } from "./texts.js";

/** Tells a caller how far files have come. */
export type Report = (progress: LoadProgress, always?: boolean) => void;

/** What loading needs of the world. */
export interface LoadHost {
  /** Starts the engine, from the given wasm file or the package's own. */
  startEngine(wasmUrl: string | undefined, signal: AbortSignal): Promise<Engine>;
  /** Reads addresses. */
  fetch: Fetch;
  sleep: Sleep;
  /** The origin of the page. */
  origin: string;
  /** Opens the cache's store; rejects where there is none. */
  openStore(): Promise<Store>;
  /** Does work while nobody else, in whichever tab, does work of the same name. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Tells the page of something that went wrong, though the load goes on. */
  warn(warning: LoadWarning): void;
}

/** A changed file is begun anew so often. */
const RESTARTS = 2;

/** The cache, and the model's place in it. */
interface Place {
  cache: ModelCache;
  key: CacheKey;
  id: string;
}

/** A checksum on its way, and what it has to be. */
interface Hash {
  update(bytes: Uint8Array): void;
  check(): void;
}

/** Reads one model. */
export class ModelLoading {
  readonly #host: LoadHost;
  readonly #load: WireLoad;
  #place: Place | undefined;
  #starting: Promise<Engine> | undefined;
  /** What the server has said of the files, by their addresses: the text tower has to be of the same ones. */
  #seen: Record<string, Validators> = {};

  constructor(host: LoadHost, load: WireLoad) {
    this.#host = host;
    this.#load = load;
  }

  // ---------------------------------------------------------------------------------------------- the vision tower

  /** Starts the engine and loads the vision tower into it; one failure stops all that is under way. */
  async vision(report: Report, signal: AbortSignal): Promise<{ engine: Engine; model: EngineModel }> {
    // `signal` itself stays what tells an abort from a failure.
    const stop = new AbortController();
    const forward = () => stop.abort(signal.reason);
    signal.addEventListener("abort", forward);
    try {
      report({ stage: "engine", file: "clip_vision_bg.wasm", loaded: 0 });
      this.#starting = this.#host.startEngine(this.#load.wasmUrl, stop.signal);
      this.#starting.catch(() => undefined); // whoever needs it waits for it
      this.#place = await this.#openCache();
      const model = await this.#withCache("vision", stop.signal, {
        fromCache: async (blob, record) => this.#cachedVision(await this.#engine(), blob, record, report, stop.signal),
        fromServer: (record) => this.#servedVision(record, report, stop.signal),
      });
      return { engine: await this.#engine(), model };
    } finally {
      signal.removeEventListener("abort", forward);
      stop.abort();
    }
  }

  #engine(): Promise<Engine> {
    return this.#starting ?? Promise.reject(new ClipVisionError("compute", "The engine was not started"));
  }

  #options(config?: Uint8Array, preprocessor?: Uint8Array) {
    return { ...given({ config, preprocessor }, "config", "preprocessor"), ...given(this.#load, "precision", "normalize", "maxBytes", "maxPixels") };
  }

  async #cachedVision(engine: Engine, blob: Blob, record: CacheRecord, report: Report, signal: AbortSignal): Promise<EngineModel> {
    const make = () => new engine.ModelLoader(this.#options());
    const loader = await this.#refill(engine, make, blob, record.parts.vision?.checksum, report, signal);
    return guarded(engine, () => loader.finish());
  }

  async #servedVision(record: CacheRecord | undefined, report: Report, signal: AbortSignal): Promise<EngineModel> {
    this.#seen = {};
    const { config, preprocessor } = this.#load.model;
    const [configFile, preprocessorFile] = await Promise.all([
      config && this.#small(config, report, signal),
      preprocessor && this.#small(preprocessor, report, signal),
    ]);
    if (config && configFile === undefined) throw new ClipVisionError("config", "There is no config.json");
    const engine = await this.#engine();
    const make = () => new engine.ModelLoader(this.#options(configFile, preprocessorFile));
    const start = (loader: InstanceType<Engine["ModelLoader"]>) => loader.record(this.#load.name);
    const loader = await this.#fill(engine, make, { part: "vision", record, start }, report, signal);
    return guarded(engine, () => loader.finish());
  }

  // ------------------------------------------------------------------------------------------------ the text tower

  /** Loads the text tower into a model, and gives its tokenizer's files. */
  async text(engine: Engine, model: EngineModel, report: Report, signal: AbortSignal): Promise<{ files: TokenizerFiles; maxTokens: number }> {
    guarded(engine, () => model.textLoader()).free(); // throws for a model without a text tower, before anything is read
    return this.#withCache("text", signal, {
      fromCache: async (blob, record) => {
        const loader = await this.#refill(engine, () => model.textLoader(), blob, record.parts.text?.checksum, report, signal);
        return this.#setText(engine, model, loader, undefined);
      },
      fromServer: async (record) => {
        const files = await this.#tokenizerFiles(report, signal);
        const start = (loader: EngineTextLoader) => loader.record(this.#load.name, Object.keys(files), Object.values(files));
        const loader = await this.#fill(engine, () => model.textLoader(), { part: "text", record, start }, report, signal);
        return this.#setText(engine, model, loader, files);
      },
    });
  }

  #setText(engine: Engine, model: EngineModel, loader: EngineTextLoader, read: Record<string, Uint8Array> | undefined) {
    const info = guarded(engine, () => model.setText(loader)); // takes the loader, and frees it
    const json = info.tokenizer ?? read?.["tokenizer.json"];
    const [vocab, merges] = [info.vocab ?? read?.["vocab.json"], info.merges ?? read?.["merges.txt"]];
    const files = json ? { json } : vocab && merges && { vocab, merges };
    if (!files) {
      throw new ClipVisionError("config", "The model has no tokenizer: neither tokenizer.json nor vocab.json and merges.txt");
    }
    return { files, maxTokens: info.maxTokens };
  }

  /** The tokenizer's files beside the weights, by name; none where the weights have to carry them along. */
  async #tokenizerFiles(report: Report, signal: AbortSignal): Promise<Record<string, Uint8Array>> {
    const { config, tokenizer, vocab, merges } = this.#load.model;
    const read = (file: WireFile | undefined) => file && this.#small(file, report, signal);
    const json = await read(tokenizer);
    if (json) return { "tokenizer.json": json };
    const [words, pairs] = [await read(vocab), await read(merges)];
    if (words && pairs) return { "vocab.json": words, "merges.txt": pairs };
    if (config) throw new ClipVisionError("config", "The model has no tokenizer: neither tokenizer.json nor vocab.json and merges.txt");
    return {};
  }

  // ------------------------------------------------------------------------------------------------ from the server

  /** A small file, whole; `undefined` if it is optional and not there. */
  async #small(file: WireFile, report: Report, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    let [loaded, total] = [0, Infinity];
    const taker: Taker = {
      wanted: () => (loaded < total ? [loaded, Infinity] : undefined),
      take: (_, piece) => void (pieces.push(piece.slice()), (loaded += piece.byteLength)),
      size: (bytes) => void (total = bytes),
    };
    let source: Source;
    for (let restarts = 0; ; restarts += 1) {
      source = this.#source(file, { whole: true });
      try {
        await source.read(taker, signal);
        break;
      } catch (error) {
        if ("optional" in file && file.optional && isMissing(error)) return undefined;
        if (!(error instanceof FileChanged) || restarts === RESTARTS) throw error;
        [loaded, total] = [0, Infinity];
        pieces.length = 0;
      }
    }
    const bytes = joined(pieces, (length) => new Uint8Array(length));
    const hash = this.#load.integrity && this.#hash(await this.#engine(), source.name);
    hash?.update(bytes);
    hash?.check();
    this.#note(file, source);
    report({ stage: "config", file: source.name, loaded, total: loaded });
    return bytes;
  }

  #source(file: WireFile, options: { whole?: boolean; validators?: Validators }): Source {
    return "blob" in file ? new BlobSource(file.blob, file.name) : new RemoteFile(file.url, this.#host, options);
  }

  #note(file: WireFile, source: Source): void {
    if ("url" in file && source instanceof RemoteFile) this.#seen[file.url] = source.validators;
  }

  /** The checksum of a file that has to have one. */
  #hash(engine: Engine, name: string): Hash | undefined {
    const expected = this.#load.integrity?.[name];
    if (expected === undefined) return undefined;
    const hash = new engine.Sha256();
    return {
      update: (bytes: Uint8Array) => hash.update(bytes),
      check: () => checkSha256(hash.finish(), expected, name),
    };
  }

  /** A loader that has been given all that it wants, and recorded if there is a cache; begun anew if the file changes. */
  async #fill<L extends EngineFiles>(
    engine: Engine,
    make: () => L,
    how: { part: Part; record: CacheRecord | undefined; start: (loader: L) => void },
    report: Report,
    signal: AbortSignal,
  ): Promise<L> {
    for (let restarts = 0; ; restarts += 1) {
      const loader = guarded(engine, make);
      const recorder = how.record && (await this.#recorder(how.part, how.record, engine, loader));
      if (recorder) guarded(engine, () => how.start(loader));
      try {
        await this.#feedAll(engine, loader, { part: how.part, after: () => recorder?.drain() }, report, signal);
        await recorder?.finish();
        return loader;
      } catch (error) {
        await recorder?.discard();
        if (!(error instanceof EngineCrash)) loader.free();
        if (!(error instanceof FileChanged)) throw error;
        if (how.part === "text") {
          await this.#place?.cache.remove(this.#place.id).catch(() => undefined);
          const advice = "its text tower may not fit the vision tower that is loaded; load the model again";
          throw new ClipVisionError("fetch", `${error.message}: ${advice}`, { cause: error });
        }
        if (restarts === RESTARTS) throw error;
      }
    }
  }

  /** Gives a loader the weights, from one file or from those of an index. */
  async #feedAll(
    engine: Engine,
    loader: EngineFiles,
    { part, after }: { part: Part; after: () => void },
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const { weights, index } = this.#load.model;
    const feed = async (file: WireFile) => {
      const seen = part === "text" && "url" in file ? this.#seen[file.url] : undefined;
      const how = { after, hash: this.#hash(engine, nameOfFile(file)), ...(seen && { validators: seen }) };
      this.#note(file, await this.#feed(engine, loader, file, how, report, signal));
    };
    try {
      return await feed(weights);
    } catch (error) {
      if (!index || !isMissing(error)) throw error;
      const json = await this.#small(index, report, signal);
      if (!json) throw error;
      guarded(engine, () => loader.setIndex(json));
    }
    do {
      await feed({ url: beside("url" in weights ? weights.url : "", guarded(engine, () => loader.file())) });
    } while (guarded(engine, () => loader.nextFile()));
  }

  /** Gives a loader what it wants of one file. One whose checksum is to be compared is read whole. */
  async #feed(
    engine: Engine,
    loader: EngineFiles,
    file: WireFile,
    { hash, after, validators }: { hash: Hash | undefined; after?: () => void; validators?: Validators },
    report: Report,
    signal: AbortSignal,
  ): Promise<Source> {
    const source = this.#source(file, { whole: hash !== undefined, ...(validators && { validators }) });
    let [loaded, total] = [0, Infinity];
    const tell = (always = false) => {
      const left = hash ? total - loaded : guarded(engine, () => loader.left());
      const known = left !== undefined && Number.isFinite(left);
      report({ stage: "weights", file: source.name, loaded, ...(known && { total: loaded + left }) }, always);
    };
    const wanted = () => guarded(engine, () => loader.wanted()) as [number, number] | undefined;
    const taker: Taker = {
      wanted: hash ? () => (loaded < total ? [loaded, Infinity] : undefined) : wanted,
      take: (offset, piece) => {
        guarded(engine, () => loader.push(offset, piece));
        hash?.update(piece);
        loaded += piece.byteLength;
        after?.();
        tell();
      },
      size: (bytes) => {
        total = bytes;
        guarded(engine, () => loader.setSize(bytes));
      },
    };
    tell();
    try {
      await source.read(taker, signal);
      hash?.check();
      if (wanted()) throw new ClipVisionError("weights", `the file is cut short: it has ${total} bytes`);
    } catch (error) {
      // Rust knows no addresses.
      if (!isCoded(error) || error.code !== "weights" || "blob" in file) throw error;
      throw new ClipVisionError("weights", `${shortUrl(file.url)}: ${error.message}`, { cause: error });
    }
    tell(true);
    return source;
  }

  // -------------------------------------------------------------------------------------------------- from the cache

  async #openCache(): Promise<Place | undefined> {
    const { cache, model, name, revision, precision = "stored" } = this.#load;
    const files = Object.values(model) as WireFile[];
    // Files that the user picked are on this machine already.
    if (cache === "off" || !files.every((file) => "url" in file)) return undefined;
    const urls = files.flatMap((file) => ("url" in file ? [file.url] : []));
    const key = { model: name, ...(revision !== undefined && { revision }), precision, urls };
    try {
      const [store, id] = await Promise.all([this.#host.openStore(), cacheId(key)]);
      return { cache: new ModelCache(store), key, id };
    } catch (error) {
      this.#warn("cache-unavailable", "The model is not cached: this page has no storage", error);
      return undefined;
    }
  }

  /** A part from the cache, or from the server by way of it. Of several tabs one downloads, and the others wait for it. */
  async #withCache<T>(
    part: Part,
    signal: AbortSignal,
    from: {
      fromCache: (blob: Blob, record: CacheRecord) => Promise<T>;
      fromServer: (record: CacheRecord | undefined) => Promise<T>;
    },
  ): Promise<T> {
    const place = this.#place;
    if (!place) return from.fromServer(undefined);
    const cached = await this.#cached(place, part, signal, from.fromCache);
    if (cached) return cached.value;
    return this.#host.lock(`clip-vision:${place.id}`, signal, async () => {
      const meanwhile = await this.#cached(place, part, signal, from.fromCache);
      if (meanwhile) return meanwhile.value;
      const record = (part === "text" && (await place.cache.record(place.id).catch(() => undefined))) || this.#freshRecord(place);
      return from.fromServer(record);
    });
  }

  #freshRecord({ key }: Place): CacheRecord {
    return freshRecord(key, this.#load.integrity ?? {});
  }

  /** What the cache makes of a part, if it is there and still what it should be. */
  async #cached<T>(
    { cache, id }: Place,
    part: Part,
    signal: AbortSignal,
    use: (blob: Blob, record: CacheRecord) => Promise<T>,
  ): Promise<{ value: T } | undefined> {
    let record: CacheRecord | undefined;
    try {
      record = await cache.record(id);
    } catch (error) {
      this.#warn("cache-unavailable", "The cache could not be read", error);
      return undefined;
    }
    const entry = record?.parts[part];
    if (!record || !entry || !this.#isChecked(record)) return undefined;
    if (this.#load.cache === "revalidate" && part === "vision" && !(await this.#isFresh(record, signal))) return undefined;
    await this.#engine(); // one that does not start is no damage of the entry
    try {
      const value = await use(await cache.open(entry), record);
      this.#seen = { ...record.validators, ...this.#seen };
      return { value };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // What is no damage of the entry would be no better after another download.
      const damaged = isCoded(error) ? error.code === "weights" || error.code === "config" || error.code === "fetch" : error instanceof DOMException;
      if (!damaged) throw error;
      this.#warn("cache-corrupt", `The cached ${this.#load.name} was damaged and is downloaded again`, error);
      await cache.remove(id).catch(() => undefined);
      return undefined;
    }
  }

  /** Whether an entry was checked with the checksums that are asked for now. */
  #isChecked({ integrity }: CacheRecord): boolean {
    return Object.entries(this.#load.integrity ?? {}).every(([name, sha256]) => integrity[name] === sha256);
  }

  /** Asks the server whether its files are still those of an entry; without an answer they are. */
  async #isFresh({ validators }: CacheRecord, signal: AbortSignal): Promise<boolean> {
    for (const [url, before] of Object.entries(validators)) {
      let now: Validators;
      try {
        now = await validatorsOf(url, this.#host, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        this.#warn("cache-unchecked", `${this.#load.name} comes from the cache, without being compared with the server`, error);
        return true;
      }
      if (changed(before, now)) return false;
    }
    return true;
  }

  /** A loader that was given a part from the cache. */
  async #refill<L extends EngineFiles>(
    engine: Engine,
    make: () => L,
    blob: Blob,
    checksum: number | undefined,
    report: Report,
    signal: AbortSignal,
  ): Promise<L> {
    const loader = guarded(engine, make);
    try {
      guarded(engine, () => loader.keepChecksum());
      const fromCache: Report = (progress, always) => report({ ...progress, cached: true }, always);
      await this.#feed(engine, loader, { blob, name: "model.safetensors" }, { hash: undefined }, fromCache, signal);
      if (guarded(engine, () => loader.checksum()) !== checksum) throw new ClipVisionError("weights", "Its checksum is wrong");
      return loader;
    } catch (error) {
      if (!(error instanceof EngineCrash)) loader.free();
      throw error;
    }
  }

  /** Writes what a loader records into the cache; what fails there is a warning, and the load goes on. */
  async #recorder(part: Part, record: CacheRecord, engine: Engine, loader: EngineFiles) {
    const place = this.#place;
    if (!place) return undefined;
    const { cache, id } = place;
    let recording: Recording | undefined;
    let at: number | undefined;
    const fail = async (error: unknown) => {
      const failed = recording;
      recording = undefined;
      await failed?.writer.discard();
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      if (full) this.#warn("cache-full", "The model is not cached: there is no room for it", error);
      else this.#warn("cache-unavailable", "The model could not be cached", error);
    };
    try {
      recording = await cache.begin(id, part);
    } catch (error) {
      await fail(error);
      return undefined;
    }
    return {
      /** Takes on what has been recorded, to disk. */
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
      finish: async () => {
        const recorded = guarded(engine, () => loader.finishRecording());
        if (!recording || !recorded || at === undefined) return;
        const { file, writer } = recording;
        try {
          const { header, checksum } = recorded;
          writer.write(0, header);
          await writer.close();
          const parts = { ...record.parts, [part]: { file, bytes: at, checksum } };
          await cache.commit(id, { ...record, validators: { ...record.validators, ...this.#seen }, parts });
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

  #warn(code: LoadWarning["code"], message: string, cause: unknown): void {
    this.#host.warn({ code, message: `${message} (${messageOf(cause)})` });
  }
}

const nameOfFile = (file: WireFile): string => ("blob" in file ? file.name : nameOf(file.url));

/** Whether a failure says that a file is not there: a 404, or an application's start page in its place. */
const isMissing = (error: unknown): boolean => error instanceof HttpError && (error.status === 404 || error.status === 200);

/** The address of a file in the same folder. */
function beside(url: string, name: string): string {
  const file = new URL(url);
  file.pathname = file.pathname.replace(/[^/]*$/, encodeURIComponent(name));
  return file.href;
}

/** What the server says of a file, without reading it. */
async function validatorsOf(url: string, host: LoadHost, signal: AbortSignal): Promise<Validators> {
  const file = new RemoteFile(url, host);
  let known = false;
  await file.read({ wanted: () => (known ? undefined : [0, 1]), take: () => void (known = true), size: () => undefined }, signal);
  return file.validators;
}
