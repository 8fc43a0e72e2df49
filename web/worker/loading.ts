/**
 * How a model gets into the engine: from the cache if it is there, else from the server, piece by piece as it arrives; and
 * then into the cache on the way. The vision tower at once, the text tower when it is asked for.
 *
 * The cache never stands in the way: where it can't be used the model is loaded without it, with a warning, and an entry
 * that is damaged is thrown away and downloaded again, once.
 */

import type { CacheRecord, Part } from "../shared/cache.js";
import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import { beside, explained, HttpError, nameOf, NoAnswer, type Validators } from "../shared/files.js";
import { gpuFailure, isGpuFailure } from "../shared/gpu_failure.js";
import { addressOf, FILE_NAMES, openClipOf, nameOfFile, onnxFileOf, shardKey, TOKENIZER, type Role } from "../shared/model_files.js";
import type { GpuInfo, GpuRefusal, WireConversion, WireFile, WireLoad } from "../shared/protocol.js";
import { FileChanged, RemoteFile } from "../shared/remote_file.js";
import { LARGE_TABLE } from "../shared/sizes.js";
import { BlobSource, readAll, type Source } from "../shared/sources.js";
import { given } from "../shared/values.js";
import type { bundled } from "./bundle.js";
import { CachePlace, type CacheHost, type Recorder } from "./cache_place.js";
import { Checksums, isOpenClip } from "./checksums.js";
import { BlobRecorder } from "./converting.js";
import { EngineCrash, guarded, release, type Engine, type EngineLoader, type EngineModel } from "./engine.js";
import { feed, type Report } from "./feed.js";
import type { GpuLoading } from "./gpu/loading.js";
import type { GpuTowers } from "./gpu/towers.js";
import type { hinted } from "./hints.js";
import { KeptRows } from "./kept_rows.js";
import { rowReader, type ReadRows } from "./rows.js";
import { MODULES, needsOthers } from "./modules.js";
import type { LoadedText } from "./texts.js";
import type { tokenizerJson } from "./word_pieces.js";

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
  /** See there. */
  hinted: typeof hinted;
  /** The configuration of a model that has it in several files. */
  bundled: typeof bundled;
  /** The `tokenizer.json` of BERT's files. */
  tokenizerJson(...files: Parameters<typeof tokenizerJson>): Promise<Uint8Array>;
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
interface ConfigFiles {
  config?: Uint8Array;
  preprocessor?: Uint8Array;
  processor?: Uint8Array;
}

/** A vision tower that was loaded, into the engine or a GPU. */
export interface LoadedVision {
  engine: Engine;
  model: EngineModel;
  gpu: GpuTowers | undefined;
  /** The GPU that was looked at, and why it was not taken. */
  examined: { gpu?: GpuInfo; why?: GpuRefusal };
}

/** Reads one model. */
export class ModelLoading {
  readonly #host: LoadHost;
  #load: WireLoad;
  #place: CachePlace | undefined;
  #starting: Promise<Engine> | undefined;
  /** A GPU, where one may be used, and what takes the towers there once the engine has started. */
  #gpuStart: Promise<GpuStart> | undefined;
  #gpu: GpuLoading | undefined;
  #examined: LoadedVision["examined"] = {};
  /** What the server has said of the files, by their roles: the text tower has to be of the same ones. */
  #seen: Record<string, Validators> = {};
  /** Whose files they are, if not transformers'. */
  #layout: CacheRecord["layout"];
  /** Whether parts of the weights can be read, as far as that is known. */
  #ranged = true;

  constructor(host: LoadHost, load: WireLoad) {
    this.#host = host;
    this.#load = load;
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
      this.#starting = this.#host.startEngine(this.#load.wasmUrl, stop.signal);
      // Whoever needs it waits for it, and hears of its failure.
      this.#starting.then(({ bytes }) => report({ stage: "engine", file: "clip_vision_bg.wasm", loaded: bytes, total: bytes }), () => undefined);
      this.#place = await CachePlace.open(this.#host, this.#load, () => this.#engine());
      const load = async (): Promise<Omit<LoadedVision, "examined">> => {
        const model = await this.#part("vision", stop.signal, {
          fromCache: async (blob, record) => this.#cachedVision(await this.#engine(), blob, record, report, stop.signal),
          fromServer: (record) => this.#servedVision(record, report, stop.signal),
        });
        return { engine: await this.#engine(), model, gpu: await this.#gpu?.towers(model) };
      };
      const { device = "wasm" } = this.#load;
      if (device !== "wasm") {
        this.#gpuStart = this.#host.gpu(device === "webgpu");
        this.#gpuStart.catch(() => undefined); // whoever needs it hears of it
      }
      const loaded = await load().catch((error: unknown) => {
        this.#giveUpGpu(error);
        return load(); // from the cache, if there is one
      });
      return { ...loaded, examined: this.#examined };
    } catch (error) {
      this.#gpu?.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", forward);
      stop.abort();
    }
  }

  /** Goes on without a GPU, which failed; throws what is no failure of one, or all that a caller has to hear. */
  #giveUpGpu(error: unknown): void {
    if (!isGpuFailure(error)) throw error;
    this.#examined = { ...given({ gpu: this.#gpu?.info }, "gpu"), why: error.why };
    this.#gpu?.close();
    this.#gpu = this.#gpuStart = undefined;
    if (this.#load.device !== "webgpu") return;
    throw new ClipVisionError("gpu", `No GPU computes here (${error.why}): ${error.message}`, { cause: error, why: error.why });
  }

  /** What makes loaders: for a GPU if one is to be used, which is decided by the model that the file at `source` is. */
  async #forGpu(make: (plans: boolean) => EngineLoader, source: Source, signal: AbortSignal): Promise<() => EngineLoader> {
    try {
      const gpu = (this.#gpu ??= await this.#startGpu());
      await gpu?.choose(() => make(false), source, signal);
      if (gpu) this.#examined = given({ gpu: gpu.info }, "gpu");
    } catch (error) {
      this.#giveUpGpu(error);
    }
    return () => make(this.#gpu !== undefined);
  }

  async #startGpu(): Promise<GpuLoading | undefined> {
    const start = await this.#gpuStart?.catch((cause: unknown) => {
      throw isGpuFailure(cause) ? cause : gpuFailure("failed", messageOf(cause), cause);
    });
    if (!start) return undefined;
    const engine = await this.#engine();
    const { now, openStore } = this.#host;
    const { cache, device, threads } = this.#load;
    const run = <T>(work: () => T): T => guarded(engine, work);
    return new start.Loading({ engine, run, adapter: start.adapter, threads, mustBeFaster: device !== "webgpu", now, ...(cache !== "off" && { openStore }) });
  }

  #engine(): Promise<Engine> {
    return this.#starting ?? Promise.reject(new ClipVisionError("compute", "The engine was not started"));
  }

  #options(files: ConfigFiles, plans: boolean) {
    return { ...files, ...(plans && { plans }), ...given(this.#load, "precision", "normalize", "maxBytes", "maxPixels") };
  }

  async #cachedVision(engine: Engine, blob: Blob, record: CacheRecord, report: Report, signal: AbortSignal): Promise<EngineModel> {
    const make = await this.#forGpu((plans) => new engine.ModelLoader(this.#options({}, plans)), new BlobSource(blob, FILE_NAMES.weights), signal);
    const loader = await this.#refill(engine, make, blob, record.parts.vision?.checksum, report, signal);
    return guarded(engine, () => loader.finish());
  }

  async #servedVision(record: CacheRecord | undefined, report: Report, signal: AbortSignal): Promise<EngineModel> {
    this.#seen = {};
    const read = await this.#configured(report, signal).catch(async (error: unknown) => {
      const hint = await this.#hinted(error, signal);
      if (hint !== error) throw hint;
      throw this.#wasNoId(error) ? explained(error, whatIsAnId(this.#load.name, this.#host.origin !== "")) : error;
    });
    const engine = await this.#engine();
    const checksums = read.checksums;
    const make = await this.#forGpu((plans) => new engine.ModelLoader(this.#options(read.files, plans)), this.#source(this.#load.model.weights, {}), signal);
    const filled = this.#fill(engine, make, { part: "vision", record, checksums, files: {} }, report, signal);
    const loader = await filled.catch(async (error: unknown) => Promise.reject(await this.#hinted(error, signal)));
    return guarded(engine, () => loader.finish());
  }

  /** The model's settings; of a folder that is not transformers', those of open_clip, whose files the model has from then on. */
  async #configured(report: Report, signal: AbortSignal): Promise<{ files: ConfigFiles; checksums: Checksums }> {
    const theirs = openClipOf(this.#load.model);
    if (isOpenClip(this.#load)) this.#openClip();
    const checksums = new Checksums(this.#load);
    const roles = ["config", "preprocessor", "processor"] as const;
    const reads = roles.map((role) => this.#small(role, checksums, report, signal));
    try {
      const [config, preprocessor, processor] = await Promise.all(reads);
      if (this.#load.model.config && config === undefined) throw new ClipVisionError("config", `There is no ${FILE_NAMES.config}`);
      const { tokenizerConfig } = this.#load.model;
      const read = (name: string) =>
        name === FILE_NAMES.tokenizerConfig && tokenizerConfig
          ? this.#small("tokenizerConfig", checksums, report, signal)
          : this.#module(name, checksums, report, signal);
      const all = config && needsOthers(config) ? await this.#host.bundled(config, read) : config;
      return { files: given({ config: all, preprocessor, processor }, "config", "preprocessor", "processor"), checksums };
    } catch (error) {
      const { config } = this.#load.model;
      if (!theirs?.config || !config || nameOfFile(config) !== FILE_NAMES.config || !isMissing(error, config)) throw error;
      await Promise.allSettled(reads); // what the server says of these files is of no interest
      const transformers = this.#load;
      this.#seen = {};
      this.#openClip();
      const checksums = new Checksums(this.#load);
      const found = await this.#small("config", checksums, report, signal).catch(() => undefined);
      if (found) return { files: { config: found }, checksums };
      [this.#load, this.#layout] = [transformers, undefined];
      throw error;
    }
  }

  /** Takes the files that open_clip writes for the model's. */
  #openClip(): void {
    const model = openClipOf(this.#load.model);
    if (model) this.#load = { ...this.#load, model };
    this.#layout = "open_clip";
  }

  /** What is at the model's address in place of a file that is not. */
  async #hinted(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof HttpError) || error.status !== 404) return error;
    return this.#host.hinted(error, this.#load.model, this.#host, signal).catch((failure: unknown) => {
      signal.throwIfAborted();
      return isCoded(failure) && failure.code === "fetch" ? error : Promise.reject(failure);
    });
  }

  /** Whether the Hub knows nothing of what was taken for the id of one of its models: what has a revision. */
  #wasNoId(error: unknown): error is ClipVisionError {
    if (this.#load.revision === undefined) return false;
    return error instanceof NoAnswer || (error instanceof HttpError && [401, 403, 404].includes(error.status));
  }

  /** The file that the vision tower came from, or that lists those that it came from, now or when it was cached. */
  get weights(): string {
    const { weights, index } = this.#load.model;
    return onnxFileOf(Object.keys(this.#seen)) ?? nameOfFile(index && "index" in this.#seen ? index : weights);
  }

  // ------------------------------------------------------------------------------------------------ the text tower

  /** Loads the text tower into a model, and gives its tokenizer's files. */
  async text(engine: Engine, model: EngineModel, report: Report, signal: AbortSignal): Promise<LoadedText> {
    guarded(engine, () => model.textLoader()).free(); // throws for a model without a text tower, before anything is read
    return this.#part("text", signal, {
      fromCache: async (blob, record) => {
        const loader = await this.#refill(engine, () => model.textLoader(), blob, record.parts.text?.checksum, report, signal);
        return this.#setText(engine, model, loader, undefined);
      },
      fromServer: async (record) => {
        const checksums = new Checksums(this.#load);
        const files = await this.#tokenizerFiles(checksums, report, signal);
        const how = { part: "text" as const, record, checksums, files };
        const text = this.#setText(engine, model, await this.#fill(engine, () => this.#textLoader(model), how, report, signal), files);
        if (!text.readRows || this.#ranged) return text;
        // Only now it is known that the server has no ranges: the table is read with the tower.
        return this.#setText(engine, model, await this.#fill(engine, () => this.#textLoader(model), how, report, signal), files);
      },
    });
  }

  // ------------------------------------------------------------------------------------------------ as one file

  /** The model as one file, as the command `convert` writes it: read once more from where it is, and kept nowhere else. */
  async convert(engine: Engine, model: EngineModel, how: WireConversion, report: Report, signal: AbortSignal): Promise<Blob> {
    const { files: settings, checksums } = await this.#configured(report, signal);
    const files = how.visionOnly || !hasText(engine, model) ? {} : await this.#tokenizerFiles(checksums, report, signal);
    const { precision, visionOnly } = how;
    const [names, contents] = [Object.keys(files), Object.values(files)];
    const loader = guarded(engine, () =>
      engine.ModelLoader.forConversion(this.#options(settings, false), precision, visionOnly, this.#load.name, names, contents),
    );
    try {
      const recorder = new BlobRecorder(engine, loader);
      // "text", as files that changed since the model was loaded are another model's.
      await this.#feedAll(engine, loader, { part: "text", checksums, after: () => recorder.drain() }, report, signal);
      return recorder.finish();
    } finally {
      release(loader);
    }
  }

  /** A loader of a model's text tower, which leaves a large table of tokens where it is if rows can be read of it. */
  #textLoader(model: EngineModel): EngineLoader {
    const loader = model.textLoader();
    const { table, integrity } = this.#load;
    if (table !== "whole" && !integrity && this.#ranged) loader.leaveTableOver(table === "ranges" ? 0 : LARGE_TABLE);
    return loader;
  }

  #setText(engine: Engine, model: EngineModel, loader: EngineLoader, read: Record<string, Uint8Array> | undefined): LoadedText {
    const info = guarded(engine, () => model.setText(loader)); // takes the loader, and frees it
    this.#gpu?.hasText();
    const [json, vocab, merges] = TOKENIZER.map((role) => info[role] ?? read?.[FILE_NAMES[role]]);
    const files = json ? { json } : vocab && merges && { vocab, merges };
    if (!files) throw withoutTokenizer();
    const { maxTokens, cleaning, filling, rowsFile } = info;
    return { files, maxTokens, cleaning, filling, readRows: rowsFile === undefined ? undefined : this.#rowReader(engine, model, rowsFile) };
  }

  /** Reads rows of the table in a file: from the cache those that it keeps, and it keeps those that are new. */
  #rowReader(engine: Engine, model: EngineModel, file: string): ReadRows {
    const place = this.#place;
    const kept = place && new KeptRows((bytes) => place.saveRows(bytes));
    const read = rowReader(engine, model, () => this.#tableFile(file), (at, bytes) => kept?.add(at, bytes));
    const restored = once(async () => {
      try {
        for (const [at, bytes] of kept?.restore(await place?.rows()) ?? []) guarded(engine, () => model.addRows(at, bytes));
      } catch (error) {
        if (error instanceof EngineCrash) throw error;
        kept?.forget(); // they are damaged, and are read again
      }
    });
    return async (ids, signal) => {
      await restored();
      try {
        return await read(ids, signal);
      } catch (error) {
        throw error instanceof FileChanged ? await this.#outdated(error) : error;
      }
    };
  }

  /** What a text is told whose file is no longer that of the vision tower that is loaded; nor is what the cache has. */
  async #outdated(error: FileChanged): Promise<ClipVisionError> {
    await this.#place?.remove();
    const advice = "its text tower may not fit the vision tower that is loaded; load the model again";
    return new ClipVisionError("fetch", `${error.message}: ${advice}`, { cause: error });
  }

  /** The file that the table of tokens was left in, as it was then. */
  #tableFile(name: string): Source {
    const { weights } = this.#load.model;
    const key = name === FILE_NAMES.weights ? "weights" : shardKey(name); // whatever the one file is called
    const url = addressOf(this.#load.model, key);
    const validators = this.#seen[key];
    return this.#source(url === undefined ? weights : { url }, validators ? { validators } : {});
  }

  /** The tokenizer's files beside the weights, by name; none where the weights have to carry them along. */
  async #tokenizerFiles(checksums: Checksums, report: Report, signal: AbortSignal): Promise<Record<string, Uint8Array>> {
    const read = (role: Role) => this.#small(role, checksums, report, signal);
    const json = await read("tokenizer");
    if (json) return { [FILE_NAMES.tokenizer]: json };
    const [vocab, merges] = [await read("vocab"), await read("merges")];
    if (vocab && merges) return { [FILE_NAMES.vocab]: vocab, [FILE_NAMES.merges]: merges };
    const pieces = await read("wordPieces");
    if (pieces) return { [FILE_NAMES.tokenizer]: await this.#host.tokenizerJson(pieces, await read("tokenizerConfig")) };
    if (this.#load.model.config) throw withoutTokenizer();
    return {};
  }

  // ------------------------------------------------------------------------------------------------ from the server

  /** A small file, whole; `undefined` if the model has none, or it is optional and not there. */
  async #small(role: Role, checksums: Checksums, report: Report, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const file = this.#load.model[role];
    if (!file) return undefined;
    const read = await this.#whole(file, nameOfFile(file), checksums, report, signal);
    if (read) this.#note(role, read.source);
    return read?.bytes;
  }

  /** A file that `modules.json` tells of, or that one itself; `undefined` if it is not there, or nothing is beside `config.json`. */
  async #module(name: string, checksums: Checksums, report: Report, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { config } = this.#load.model;
    if (!config || !("url" in config)) return undefined;
    if (name === MODULES) checksums.require(name);
    const file = { url: beside(config.url, name), optional: true };
    const read = await this.#whole(file, name, checksums, report, signal);
    if (read?.source instanceof RemoteFile) this.#seen[shardKey(name)] = read.source.validators;
    return read?.bytes;
  }

  /** A small file, which a checksum is given for by `name`. */
  async #whole(file: WireFile, name: string, checksums: Checksums, report: Report, signal: AbortSignal) {
    const optional = "optional" in file && file.optional;
    if (!optional) checksums.require(name);
    let source: Source;
    let bytes: Uint8Array;
    for (let restarts = 0; ; restarts += 1) {
      source = this.#source(file, { whole: true });
      try {
        bytes = await readAll(source, signal, LONGEST_SMALL);
        break;
      } catch (error) {
        if (isMissing(error, file)) {
          checksums.missing(name, error);
          if (optional) return undefined;
        }
        if (!(error instanceof FileChanged) || restarts === RESTARTS) throw error;
      }
    }
    const hash = this.#load.integrity && checksums.hash(await this.#engine(), name);
    hash?.update(bytes);
    hash?.check();
    report({ stage: "config", file: name, loaded: bytes.byteLength, total: bytes.byteLength });
    return { bytes, source };
  }

  #source(file: WireFile, options: { whole?: boolean; validators?: Validators }): Source {
    return "blob" in file ? new BlobSource(file.blob, file.name) : new RemoteFile(file.url, this.#host, options);
  }

  #note(key: string, source: Source): void {
    if (source instanceof RemoteFile) this.#seen[key] = source.validators;
    if (source instanceof RemoteFile && key !== "index" && !(key in FILE_NAMES && key !== "weights")) this.#ranged = source.ranged;
  }

  /** A loader that has been given all that it wants, and recorded if there is a cache; begun anew if the file changes. */
  async #fill(
    engine: Engine,
    make: () => EngineLoader,
    how: { part: Part; record: CacheRecord | undefined; checksums: Checksums; files: Record<string, Uint8Array> },
    report: Report,
    signal: AbortSignal,
  ): Promise<EngineLoader> {
    for (let restarts = 0; ; restarts += 1) {
      const loader = guarded(engine, make);
      const recorder = how.record && (await this.#place?.recorder(how.part, how.record, engine, loader));
      if (recorder) guarded(engine, () => loader.record(this.#load.name, Object.keys(how.files), Object.values(how.files)));
      try {
        await this.#feedAll(engine, loader, { part: how.part, checksums: how.checksums, after: () => this.#passOn(loader, recorder) }, report, signal);
        await recorder?.finish(this.#seen, this.#layout, how.checksums.verified);
        return loader;
      } catch (error) {
        await recorder?.discard();
        if (!(error instanceof EngineCrash)) loader.free();
        if (!(error instanceof FileChanged)) throw error;
        if (how.part === "text") throw await this.#outdated(error);
        if (restarts === RESTARTS) throw error;
      }
    }
  }

  /** Passes on what a loader has made of the last piece. */
  #passOn(loader: EngineLoader, recorder?: Recorder): void {
    recorder?.drain();
    this.#gpu?.take(loader);
  }

  /** Gives a loader the weights, from one file or from those of an index. */
  async #feedAll(
    engine: Engine,
    loader: EngineLoader,
    { part, checksums, after }: { part: Part; checksums: Checksums; after: () => void },
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const { weights, index } = this.#load.model;
    const feedFrom = async (file: WireFile, key: string, name = nameOfFile(file)) => {
      const hash = checksums.hash(engine, name);
      // A checksum says more than what the server says of the file.
      const seen = part === "text" && !hash ? this.#seen[key] : undefined;
      const source = this.#source(file, { whole: hash !== undefined, ...(seen && { validators: seen }) });
      try {
        await feed({ engine, loader, source, hash, after, ...("url" in file && { url: file.url }) }, report, signal);
      } catch (error) {
        if (isMissing(error, file)) checksums.missing(name, error);
        throw error;
      }
      this.#note(key, source);
    };
    const { onnx } = checksums;
    if (!onnx) checksums.require(...[weights, index].flatMap((file) => (file ? [nameOfFile(file)] : [])));
    let missing: unknown;
    // A text tower is beside its vision tower.
    const isOnnx = onnx || (part === "text" && onnxFileOf(Object.keys(this.#seen)) !== undefined);
    const feedShard = () => {
      const name = guarded(engine, () => loader.file());
      const url = addressOf(this.#load.model, shardKey(name));
      if (url === undefined) throw new ClipVisionError("weights", "Weights in several files are read beside an address only");
      // Two modules of a model may have files of one name.
      return feedFrom({ url }, shardKey(name), name.endsWith(`/${FILE_NAMES.weights}`) ? name : nameOf(url));
    };
    const feedOthers = async (list: string) => {
      while (guarded(engine, () => loader.nextFile())) {
        await feedShard().catch((error: unknown) => {
          throw error instanceof HttpError ? explained(error, `It has weights of the model, as ${list} says`) : error;
        });
      }
    };
    if (!isOnnx && !checksums.sharded) {
      checksums.checkNames();
      let isThere = false;
      try {
        await feedFrom(weights, "weights");
        isThere = true;
      } catch (error) {
        if (!index || !isMissing(error, weights)) throw error;
        missing = error;
      }
      if (isThere) return feedOthers(MODULES);
    }
    const json = isOnnx ? undefined : await this.#small("index", checksums, report, signal);
    if (json) {
      guarded(engine, () => loader.setIndex(json));
      checksums.takeIndex(json);
      checksums.checkNames();
      await feedShard();
    } else {
      checksums.takeOnnx();
      checksums.checkNames();
      if (!(await this.#feedOnnx(engine, loader, checksums, feedShard))) throw missing ?? withoutWeights(this.#load.name, checksums.onnx);
    }
    await feedOthers(json ? FILE_NAMES.index : this.weights);
  }

  /** Gives a loader the first of the ONNX files that suit best of those that are there; `false` if none is. */
  async #feedOnnx(engine: Engine, loader: EngineLoader, checksums: Checksums, feedShard: () => Promise<void>): Promise<boolean> {
    for (const names of guarded(engine, () => loader.onnxFiles())) {
      const [first = "", ...others] = names.split("\n");
      if (checksums.onnx && ![first, ...others].every((name) => checksums.has(nameOf(name)))) continue;
      guarded(engine, () => loader.setOnnxFiles(names));
      try {
        await feedShard();
        return true;
      } catch (error) {
        if (!isMissing(error, { url: addressOf(this.#load.model, shardKey(first)) ?? "" })) throw error;
      }
    }
    return false;
  }

  // -------------------------------------------------------------------------------------------------- from the cache

  /** A part from the cache, or from the server. */
  async #part<T>(
    part: Part,
    signal: AbortSignal,
    { fromCache, fromServer }: {
      fromCache: (blob: Blob, record: CacheRecord) => Promise<T>;
      fromServer: (record: CacheRecord | undefined) => Promise<T>;
    },
  ): Promise<T> {
    if (!this.#place) return fromServer(undefined);
    return this.#place.part(part, signal, {
      fromCache: async (blob, record) => {
        const value = await fromCache(blob, record);
        this.#seen = { ...record.validators, ...this.#seen };
        if (record.layout === "open_clip" && this.#layout === undefined) this.#openClip();
        return value;
      },
      fromServer,
    });
  }

  /** A loader that was given a part from the cache. */
  async #refill(
    engine: Engine,
    make: () => EngineLoader,
    blob: Blob,
    checksum: number | undefined,
    report: Report,
    signal: AbortSignal,
  ): Promise<EngineLoader> {
    const loader = guarded(engine, make);
    try {
      guarded(engine, () => loader.keepChecksum());
      const fromCache: Report = (progress, always) => report({ ...progress, cached: true }, always);
      await feed({ engine, loader, source: new BlobSource(blob, FILE_NAMES.weights), after: () => this.#passOn(loader) }, fromCache, signal);
      if (guarded(engine, () => loader.checksum()) !== checksum) throw new ClipVisionError("weights", "Its checksum is wrong");
      return loader;
    } catch (error) {
      if (!(error instanceof EngineCrash)) loader.free();
      throw error;
    }
  }
}

/** Does work the first time it is called, for all who call. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}

/** What to write in place of something that was taken for the id of a Hub's model. */
function whatIsAnId(name: string, onPage: boolean): string {
  const folder = onPage ? `a folder of this site is written "./${name}" or "/${name}"` : `a folder, of which there is none by this name, is written "./${name}"`;
  return `"${name}" was taken for the id of a model on the Hub; ${folder}, one of another server as its URL ("https://…/${name}")`;
}

/** Whether a model has a text tower that can be loaded. */
function hasText(engine: Engine, model: EngineModel): boolean {
  try {
    guarded(engine, () => model.textLoader()).free();
    return true;
  } catch (error) {
    if (error instanceof EngineCrash) throw error;
    return false;
  }
}

const withoutTokenizer = (): ClipVisionError => {
  const { tokenizer, vocab, merges, wordPieces } = FILE_NAMES;
  return new ClipVisionError("config", `The model has no tokenizer: neither ${tokenizer}, nor ${vocab} and ${merges}, nor ${wordPieces}`);
};

function withoutWeights(name: string, checked: boolean): ClipVisionError {
  const what = checked ? "none of the ONNX files that a checksum was given for" : "no ONNX file of this part of the model";
  return new ClipVisionError("weights", `"${name}" has ${what}`);
}

/** Whether a failure says that a file is not there: a 404, or an application's start page in its place. */
function isMissing(error: unknown, file: WireFile): boolean {
  if (error instanceof HttpError) return error.status === 404 || error.status === 200;
  // Files of an extension, or of an app's own scheme, have no status: one that is not there gets no answer.
  return error instanceof NoAnswer && "url" in file && !/^(https?|file):/i.test(file.url);
}
