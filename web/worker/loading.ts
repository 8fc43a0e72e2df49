/**
 * How a model gets into the engine: from the cache if it is there, else from the server, piece by piece as it arrives; and
 * then into the cache on the way. The vision tower at once, the text tower when it is asked for (`text_loading.ts`). What most models
 * don't need comes from scripts that are fetched later: checksums, other layouts of files (`layouts.ts`), conversion.
 *
 * The cache never stands in the way: where it can't be used the model is loaded without it, with a warning, and an entry
 * that is damaged is thrown away and downloaded again, once.
 */

import type { CacheRecord, Part } from "../shared/cache.js";
import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import { beside, explained, HttpError, NoAnswer, type Validators } from "../shared/files.js";
import { gpuFailure, isGpuFailure } from "../shared/gpu_failure.js";
import { FILE_NAMES, openClipOf, nameOfFile, onnxFileOf, shardKey, type Role } from "../shared/model_files.js";
import type { GpuInfo, GpuRefusal, WireFile, WireLoad } from "../shared/protocol.js";
import { FileChanged, RemoteFile } from "../shared/remote_file.js";
import { BlobSource, readAll, type Source } from "../shared/sources.js";
import { given } from "../shared/values.js";
import { CachePlace, type CacheHost, type Recorder } from "./cache_place.js";
import type { Checksums } from "./checksums.js";
import { EngineCrash, guarded, type Engine, type EngineLoader, type EngineModel } from "./engine.js";
import { feed, type Report } from "./feed.js";
import type { GpuLoading } from "./gpu/loading.js";
import type { GpuTowers } from "./gpu/towers.js";
import { MODULES, needsOthers } from "./modules.js";

/** What loading needs of the world. */
export interface LoadHost extends CacheHost {
  /** Starts the engine, from the given wasm file or the package's own. */
  startEngine(wasmUrl: string | undefined, signal: AbortSignal): Promise<Engine>;
  /**
   * Gets a GPU, software in its place only where that will do, and then what loads a model into it; rejects with a GPU's failure where
   * there is none.
   */
  gpu(takesFallback: boolean): Promise<GpuStart>;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** A GPU, and what loads a model into it. */
export interface GpuStart {
  adapter: GPUAdapter;
  Loading: typeof GpuLoading;
}

/** A longer file is none of a model's JSON files, nor a tokenizer's. */
const LONGEST_SMALL = 64 << 20;
/** A changed file is begun anew so often. */
const RESTARTS = 2;

/** The files that say what a model is. */
export interface ConfigFiles {
  config?: Uint8Array | undefined;
  preprocessor?: Uint8Array | undefined;
  processor?: Uint8Array | undefined;
}

/** The settings of a model, and the checksums that its files have to have. */
export interface Configured {
  files: ConfigFiles;
  checksums: Checksums | undefined;
}

/** A vision tower that was loaded, into the engine or a GPU. */
export interface LoadedVision {
  engine: Engine;
  model: EngineModel;
  gpu: GpuTowers | undefined;
  /** The GPU that was looked at, and why it was not taken. */
  examined: { gpu?: GpuInfo; why?: GpuRefusal };
}

/** One reading of a part's files: who hears of it, what ends it, and the checksums that they have to have, if any were given. */
export interface Reading {
  report: Report;
  signal: AbortSignal;
  checksums?: Checksums | undefined;
}

/** Reads a part from the server into loaders, and records it if there is a cache. */
export interface Filling extends Reading {
  part: Part;
  record: CacheRecord | undefined;
  /** The tokenizer's files, which are recorded with the weights. */
  files: Record<string, Uint8Array>;
}

/** Gives a loader a file of the weights, which is known by a key and has a name. */
export type FeedFrom = (file: WireFile, key: string, name?: string) => Promise<void>;

/** Reads one model. What is public is there for the scripts that are fetched later. */
export class ModelLoading {
  readonly host: LoadHost;
  load: WireLoad;
  place: CachePlace | undefined;
  /** What the server has said of the files, by their roles: the text tower has to be of the same ones. */
  seen: Record<string, Validators> = {};
  /** Whether parts of the weights can be read, as far as that is known. */
  ranged = true;
  /** Takes the towers to a GPU, where one is to be used. */
  gpu: GpuLoading | undefined;
  /** A GPU, where one may be used, until the engine has started. */
  #gpuStart: Promise<GpuStart> | undefined;
  #starting: Promise<Engine> | undefined;
  #started: Engine | undefined;
  #examined: LoadedVision["examined"] = {};
  /** Whose files they are, if not transformers'. */
  layout: CacheRecord["layout"];

  constructor(host: LoadHost, load: WireLoad) {
    this.host = host;
    this.load = load;
  }

  // ---------------------------------------------------------------------------------------------- the vision tower

  /** Starts the engine and loads the vision tower into it, or into a GPU; one failure stops all that is under way. */
  async vision(report: Report, signal: AbortSignal): Promise<LoadedVision> {
    // `signal` itself stays what tells an abort from a failure.
    const stop = new AbortController();
    const forward = () => stop.abort(signal.reason);
    signal.addEventListener("abort", forward);
    try {
      report({ stage: "engine", file: "clip_vision_bg.wasm", loaded: 0 });
      this.#starting = this.host.startEngine(this.load.wasmUrl, stop.signal);
      // Whoever needs it waits for it, and hears of its failure.
      this.#starting.then(({ bytes }) => report({ stage: "engine", file: "clip_vision_bg.wasm", loaded: bytes, total: bytes }), () => undefined);
      this.place = await CachePlace.open(this.host, this.load, () => this.#engine());
      const reading = { report, signal: stop.signal };
      const load = async (): Promise<Omit<LoadedVision, "examined">> => {
        const model = await this.part("vision", stop.signal, {
          fromCache: (blob, record) => this.#cachedVision(blob, record, reading),
          fromServer: (record) => this.#servedVision(record, reading),
        });
        return { engine: await this.#engine(), model, gpu: await this.gpu?.towers(model) };
      };
      const { device = "wasm" } = this.load;
      if (device !== "wasm") {
        this.#gpuStart = this.host.gpu(device === "webgpu");
        this.#gpuStart.catch(() => undefined); // whoever needs it hears of it
      }
      const loaded = await load().catch((error: unknown) => {
        this.#giveUpGpu(error);
        return load(); // from the cache, if there is one
      });
      return { ...loaded, examined: this.#examined };
    } catch (error) {
      this.gpu?.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", forward);
      stop.abort();
    }
  }

  /** Goes on without a GPU, which failed; throws what is no failure of one, or all that a caller has to hear. */
  #giveUpGpu(error: unknown): void {
    if (!isGpuFailure(error)) throw error;
    this.#examined = { ...given({ gpu: this.gpu?.info }, "gpu"), why: error.why };
    this.gpu?.close();
    this.gpu = this.#gpuStart = undefined;
    if (this.load.device !== "webgpu") return;
    throw new ClipVisionError("gpu", `No GPU computes here (${error.why}): ${error.message}`, { cause: error, why: error.why });
  }

  /** Makes loaders of the vision tower: for a GPU if one is to be used, which is decided by the model that the file at `source` is. */
  async #maker(files: ConfigFiles, source: Source, { signal }: Reading): Promise<() => EngineLoader> {
    const engine = await this.#engine();
    const make = (plans: boolean) => new engine.ModelLoader(this.options(files, plans));
    try {
      const gpu = (this.gpu ??= await this.#startGpu());
      await gpu?.choose(() => make(false), source, signal);
      if (gpu) this.#examined = given({ gpu: gpu.info }, "gpu");
    } catch (error) {
      this.#giveUpGpu(error);
    }
    return () => make(this.gpu !== undefined);
  }

  async #startGpu(): Promise<GpuLoading | undefined> {
    const start = await this.#gpuStart?.catch((cause: unknown) => {
      throw isGpuFailure(cause) ? cause : gpuFailure("failed", messageOf(cause), cause);
    });
    if (!start) return undefined;
    const engine = await this.#engine();
    const { now, openStore } = this.host;
    const { cache, device, threads } = this.load;
    return new start.Loading({ engine, run: (work) => this.run(work), adapter: start.adapter, threads, mustBeFaster: device !== "webgpu", now, ...(cache !== "off" && { openStore }) });
  }

  async #engine(): Promise<Engine> {
    this.#started = await this.#starting;
    return this.engine;
  }

  /** The engine, once it has been started. */
  get engine(): Engine {
    if (!this.#started) throw new ClipVisionError("compute", "The engine was not started");
    return this.#started;
  }

  /** Runs a piece of Rust, once the engine has been started. */
  run<T>(work: () => T): T {
    return guarded(this.engine, work);
  }

  /** Lets go of a loader that failed with an error. */
  letGo(loader: EngineLoader, error: unknown): void {
    if (!this.isCrash(error)) loader.free();
  }

  /** Whether an error ended the engine. */
  isCrash(error: unknown): boolean {
    return error instanceof EngineCrash;
  }

  options(files: ConfigFiles, plans: boolean) {
    return { ...given(files, "config", "preprocessor", "processor"), ...(plans && { plans }), ...given(this.load, "precision", "normalize", "maxBytes", "maxPixels") };
  }

  async #cachedVision(blob: Blob, record: CacheRecord, reading: Reading): Promise<EngineModel> {
    const make = await this.#maker({}, new BlobSource(blob, FILE_NAMES.weights), reading);
    const loader = await this.refill(make, blob, record.parts.vision?.checksum, reading);
    return this.run(() => loader.finish());
  }

  async #servedVision(record: CacheRecord | undefined, reading: Reading): Promise<EngineModel> {
    this.seen = {};
    const { files, checksums } = await this.configured(reading).catch(async (error: unknown) => {
      const hint = await this.#hinted(error, reading.signal);
      if (hint !== error) throw hint;
      throw this.#wasNoId(error) ? explained(error, whatIsAnId(this.load.name, this.host.origin !== "")) : error;
    });
    const make = await this.#maker(files, this.source(this.load.model.weights, {}), reading);
    const filled = this.fill(make, { ...reading, part: "vision", record, checksums, files: {} });
    const loader = await filled.catch(async (error: unknown) => Promise.reject(await this.#hinted(error, reading.signal)));
    return this.run(() => loader.finish());
  }

  /** The checksums of the files that are read now, if any were given. */
  async checksums(): Promise<Checksums | undefined> {
    return this.load.integrity && new (await this.host.seldom()).Checksums(this.load);
  }

  /** The model's settings; of a folder that is not transformers', those of open_clip, whose files the model has from then on. */
  async configured(reading: Reading): Promise<Configured> {
    if (this.load.integrity && (await this.host.seldom()).isOpenClip(this.load)) this.openClip();
    const checksums = await this.checksums();
    const all = { ...reading, checksums };
    const reads = (["config", "preprocessor", "processor"] as const).map((role) => this.small(role, all));
    try {
      const [config, preprocessor, processor] = await Promise.all(reads);
      if (this.load.model.config && config === undefined) throw new ClipVisionError("config", `There is no ${FILE_NAMES.config}`);
      const { tokenizerConfig } = this.load.model;
      const read = (name: string) => (name === FILE_NAMES.tokenizerConfig && tokenizerConfig ? this.small("tokenizerConfig", all) : this.#module(name, all));
      const bundle = config && needsOthers(config) ? await (await this.host.seldom()).bundled(config, read) : config;
      return { files: { config: bundle, preprocessor, processor }, checksums };
    } catch (error) {
      const { config } = this.load.model;
      if (!config || !this.isMissing(error, config)) throw error;
      await Promise.allSettled(reads); // what the server says of these files is of no interest
      const { openClipConfigured } = await this.host.seldom().catch(() => Promise.reject(error));
      return openClipConfigured(this, reading, error);
    }
  }

  /** Takes the files that open_clip writes for the model's. */
  openClip(): void {
    const model = openClipOf(this.load.model);
    if (model) this.load = { ...this.load, model };
    this.layout = "open_clip";
  }

  /** What is at the model's address in place of a file that is not. */
  async #hinted(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof HttpError) || error.status !== 404) return error;
    const { host, load } = this;
    return host.seldom().then(({ hinted }) => hinted(error, load.model, host, signal)).catch((failure: unknown) => {
      signal.throwIfAborted();
      return isCoded(failure) && failure.code === "fetch" ? error : Promise.reject(failure);
    });
  }

  /** Whether the Hub knows nothing of what was taken for the id of one of its models: what has a revision. */
  #wasNoId(error: unknown): error is ClipVisionError {
    if (this.load.revision === undefined) return false;
    return error instanceof NoAnswer || (error instanceof HttpError && [401, 403, 404].includes(error.status));
  }

  /** The file that the vision tower came from, or that lists those that it came from, now or when it was cached. */
  get weights(): string {
    const { weights, index } = this.load.model;
    return onnxFileOf(Object.keys(this.seen)) ?? nameOfFile(index && "index" in this.seen ? index : weights);
  }

  // ------------------------------------------------------------------------------------------------ from the server

  /** A small file, whole; `undefined` if the model has none, or it is optional and not there. */
  async small(role: Role, reading: Reading): Promise<Uint8Array | undefined> {
    const file = this.load.model[role];
    if (!file) return undefined;
    const read = await this.#whole(file, nameOfFile(file), reading);
    if (read) this.#note(role, read.source);
    return read?.bytes;
  }

  /** A file that `modules.json` tells of, or that one itself; `undefined` if it is not there, or nothing is beside `config.json`. */
  async #module(name: string, reading: Reading): Promise<Uint8Array | undefined> {
    const { config } = this.load.model;
    if (!config || !("url" in config)) return undefined;
    if (name === MODULES) reading.checksums?.require(name);
    const read = await this.#whole({ url: beside(config.url, name), optional: true }, name, reading);
    if (read?.source instanceof RemoteFile) this.seen[shardKey(name)] = read.source.validators;
    return read?.bytes;
  }

  /** A small file, which a checksum is given for by `name`. */
  async #whole(file: WireFile, name: string, { report, signal, checksums }: Reading) {
    const optional = "optional" in file && file.optional;
    if (!optional) checksums?.require(name);
    let source: Source;
    let bytes: Uint8Array;
    for (let restarts = 0; ; restarts += 1) {
      source = this.source(file, { whole: true });
      try {
        bytes = await readAll(source, signal, LONGEST_SMALL);
        break;
      } catch (error) {
        if (this.isMissing(error, file)) {
          checksums?.missing(name, error);
          if (optional) return undefined;
        }
        if (!this.isChanged(error) || restarts === RESTARTS) throw error;
      }
    }
    const hash = checksums?.hash(await this.#engine(), name);
    hash?.update(bytes);
    hash?.check();
    report({ stage: "config", file: name, loaded: bytes.byteLength, total: bytes.byteLength });
    return { bytes, source };
  }

  source(file: WireFile, options: { whole?: boolean; validators?: Validators }): Source {
    return "blob" in file ? new BlobSource(file.blob, file.name) : new RemoteFile(file.url, this.host, options);
  }

  #note(key: string, source: Source): void {
    if (!(source instanceof RemoteFile)) return;
    this.seen[key] = source.validators;
    if (key !== "index" && !(key in FILE_NAMES && key !== "weights")) this.ranged = source.ranged;
  }

  /** A loader that has been given all that it wants, and recorded if there is a cache; begun anew if the file changes. */
  async fill(make: () => EngineLoader, filling: Filling): Promise<EngineLoader> {
    const { part, record, files, checksums } = filling;
    for (let restarts = 0; ; restarts += 1) {
      const loader = this.run(make);
      const recorder = record && (await this.place?.recorder(part, record, this.engine, loader));
      if (recorder) this.run(() => loader.record(this.load.name, Object.keys(files), Object.values(files)));
      try {
        await this.feedAll(loader, filling, () => this.#passOn(loader, recorder));
        await recorder?.finish(this.seen, this.layout, checksums?.verified);
        return loader;
      } catch (error) {
        await recorder?.discard();
        this.letGo(loader, error);
        if (!this.isChanged(error) || part === "text" || restarts === RESTARTS) throw error;
      }
    }
  }

  /** Passes on what a loader has made of the last piece. */
  #passOn(loader: EngineLoader, recorder?: Recorder): void {
    recorder?.drain();
    this.gpu?.take(loader);
  }

  /** Gives a loader the weights: one file for most models, or what others have in its place or besides. */
  async feedAll(loader: EngineLoader, reading: Reading & { part: Part }, after: () => void): Promise<void> {
    const { part, checksums, report, signal } = reading;
    const { weights, index } = this.load.model;
    const feedFrom: FeedFrom = async (file, key, name = nameOfFile(file)) => {
      const hash = checksums?.hash(this.engine, name);
      // A checksum says more than what the server says of the file.
      const seen = part === "text" && !hash ? this.seen[key] : undefined;
      const source = this.source(file, { whole: hash !== undefined, ...(seen && { validators: seen }) });
      try {
        await feed({ engine: this.engine, loader, source, hash, after, ...("url" in file && { url: file.url }) }, report, signal);
      } catch (error) {
        if (this.isMissing(error, file)) checksums?.missing(name, error);
        throw error;
      }
      this.#note(key, source);
    };
    // A text tower is beside its vision tower.
    const onnx = checksums?.onnx || (part === "text" && onnxFileOf(Object.keys(this.seen)) !== undefined);
    if (!checksums?.onnx) checksums?.require(...[weights, index].flatMap((file) => (file ? [nameOfFile(file)] : [])));
    let missing: unknown;
    if (!onnx && !checksums?.sharded) {
      checksums?.checkNames();
      try {
        await feedFrom(weights, "weights");
      } catch (error) {
        if (!index || !this.isMissing(error, weights)) throw error;
        missing = error;
      }
      if (!missing && !this.run(() => loader.nextFile())) return;
    }
    const { feedOthers } = await this.host.seldom();
    await feedOthers(this, loader, { reading, feedFrom, onnx, hasFirst: !onnx && !checksums?.sharded && !missing, missing });
  }

  // -------------------------------------------------------------------------------------------------- from the cache

  /** A part from the cache, or from the server. */
  async part<T>(
    part: Part,
    signal: AbortSignal,
    { fromCache, fromServer }: {
      fromCache: (blob: Blob, record: CacheRecord) => Promise<T>;
      fromServer: (record: CacheRecord | undefined) => Promise<T>;
    },
  ): Promise<T> {
    if (!this.place) return fromServer(undefined);
    return this.place.part(part, signal, {
      fromCache: async (blob, record) => {
        const value = await fromCache(blob, record);
        this.seen = { ...record.validators, ...this.seen };
        if (record.layout === "open_clip" && this.layout === undefined) this.openClip();
        return value;
      },
      fromServer,
    });
  }

  /** A loader that was given a part from the cache. */
  async refill(make: () => EngineLoader, blob: Blob, checksum: number | undefined, { report, signal }: Reading): Promise<EngineLoader> {
    const loader = this.run(make);
    try {
      this.run(() => loader.keepChecksum());
      const fromCache: Report = (progress, always) => report({ ...progress, cached: true }, always);
      await feed({ engine: this.engine, loader, source: new BlobSource(blob, FILE_NAMES.weights), after: () => this.#passOn(loader) }, fromCache, signal);
      if (this.run(() => loader.checksum()) !== checksum) throw new ClipVisionError("weights", "Its checksum is wrong");
      return loader;
    } catch (error) {
      this.letGo(loader, error);
      throw error;
    }
  }

  // -------------------------------------------------------------------------------------------------- failures

  /** Whether a failure says that a file is not there: a 404, or an application's start page in its place. */
  isMissing(error: unknown, file: WireFile): boolean {
    if (error instanceof HttpError) return error.status === 404 || error.status === 200;
    // Files of an extension, or of an app's own scheme, have no status: one that is not there gets no answer.
    return error instanceof NoAnswer && "url" in file && !/^(https?|file):/i.test(file.url);
  }

  /** Whether a server answered with something else than the file. */
  isHttpError(error: unknown): error is HttpError {
    return error instanceof HttpError;
  }

  /** Whether a file is another one than when it was begun. */
  isChanged(error: unknown): error is ClipVisionError {
    return error instanceof FileChanged;
  }
}

/** What to write in place of something that was taken for the id of a Hub's model. */
function whatIsAnId(name: string, onPage: boolean): string {
  const folder = onPage ? `a folder of this site is written "./${name}" or "/${name}"` : `a folder, of which there is none by this name, is written "./${name}"`;
  return `"${name}" was taken for the id of a model on the Hub; ${folder}, one of another server as its URL ("https://…/${name}")`;
}
