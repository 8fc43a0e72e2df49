/**
 * How a model gets into the engine: from the cache if it is there, else from the server, piece by piece as it arrives; and
 * then into the cache on the way. The vision tower at once, the text tower when it is asked for.
 *
 * The cache never stands in the way: where it can't be used the model is loaded without it, with a warning, and an entry
 * that is damaged is thrown away and downloaded again, once.
 */

import type { CacheRecord, Part } from "../shared/cache.js";
import { ClipVisionError, messageOf } from "../shared/errors.js";
import { HttpError, NoAnswer, nameOf, type Validators } from "../shared/files.js";
import { FILE_NAMES } from "../shared/model_files.js";
import type { WireFile, WireLoad } from "../shared/protocol.js";
import { FileChanged, RemoteFile } from "../shared/remote_file.js";
import { BlobSource, readAll, type Source } from "../shared/sources.js";
import { given } from "../shared/values.js";
import { CachePlace, type CacheHost } from "./cache_place.js";
import { EngineCrash, guarded, type Engine, type EngineLoader, type EngineModel } from "./engine.js";
import { feed, hashOf, type Report } from "./feed.js";
import type { TokenizerFiles } from "./texts.js";

/** What loading needs of the world. */
export interface LoadHost extends CacheHost {
  /** Starts the engine, from the given wasm file or the package's own. */
  startEngine(wasmUrl: string | undefined, signal: AbortSignal): Promise<Engine>;
}

/** A longer file is none of a model's JSON files, nor a tokenizer's. */
const LONGEST_SMALL = 64 << 20;
/** A changed file is begun anew so often. */
const RESTARTS = 2;

/** Reads one model. */
export class ModelLoading {
  readonly #host: LoadHost;
  readonly #load: WireLoad;
  #place: CachePlace | undefined;
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
      this.#place = await CachePlace.open(this.#host, this.#load, () => this.#engine());
      const model = await this.#part("vision", stop.signal, {
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

  #options(files: { config?: Uint8Array; preprocessor?: Uint8Array; processor?: Uint8Array } = {}) {
    return { ...files, ...given(this.#load, "precision", "normalize", "maxBytes", "maxPixels") };
  }

  async #cachedVision(engine: Engine, blob: Blob, record: CacheRecord, report: Report, signal: AbortSignal): Promise<EngineModel> {
    const make = () => new engine.ModelLoader(this.#options());
    const loader = await this.#refill(engine, make, blob, record.parts.vision?.checksum, report, signal);
    return guarded(engine, () => loader.finish());
  }

  async #servedVision(record: CacheRecord | undefined, report: Report, signal: AbortSignal): Promise<EngineModel> {
    this.#seen = {};
    const { model } = this.#load;
    const read = async (file: WireFile | undefined) => file && this.#small(file, report, signal);
    const [config, preprocessor, processor] = await Promise.all([model.config, model.preprocessor, model.processor].map(read));
    if (model.config && config === undefined) throw new ClipVisionError("config", `There is no ${FILE_NAMES.config}`);
    const engine = await this.#engine();
    const files = given({ config, preprocessor, processor }, "config", "preprocessor", "processor");
    const make = () => new engine.ModelLoader(this.#options(files));
    const loader = await this.#fill(engine, make, { part: "vision", record, files: {} }, report, signal);
    return guarded(engine, () => loader.finish());
  }

  // ------------------------------------------------------------------------------------------------ the text tower

  /** Loads the text tower into a model, and gives its tokenizer's files. */
  async text(engine: Engine, model: EngineModel, report: Report, signal: AbortSignal): Promise<{ files: TokenizerFiles; maxTokens: number }> {
    guarded(engine, () => model.textLoader()).free(); // throws for a model without a text tower, before anything is read
    return this.#part("text", signal, {
      fromCache: async (blob, record) => {
        const loader = await this.#refill(engine, () => model.textLoader(), blob, record.parts.text?.checksum, report, signal);
        return this.#setText(engine, model, loader, undefined);
      },
      fromServer: async (record) => {
        const files = await this.#tokenizerFiles(report, signal);
        const loader = await this.#fill(engine, () => model.textLoader(), { part: "text", record, files }, report, signal);
        return this.#setText(engine, model, loader, files);
      },
    });
  }

  #setText(engine: Engine, model: EngineModel, loader: EngineLoader, read: Record<string, Uint8Array> | undefined) {
    const info = guarded(engine, () => model.setText(loader)); // takes the loader, and frees it
    const [json, vocab, merges] = TOKENIZER.map((role) => info[role] ?? read?.[FILE_NAMES[role]]);
    const files = json ? { json } : vocab && merges && { vocab, merges };
    if (!files) throw withoutTokenizer();
    return { files, maxTokens: info.maxTokens };
  }

  /** The tokenizer's files beside the weights, by name; none where the weights have to carry them along. */
  async #tokenizerFiles(report: Report, signal: AbortSignal): Promise<Record<string, Uint8Array>> {
    const { model } = this.#load;
    const read = async (role: (typeof TOKENIZER)[number]) => model[role] && this.#small(model[role], report, signal);
    const json = await read("tokenizer");
    if (json) return { [FILE_NAMES.tokenizer]: json };
    const [vocab, merges] = [await read("vocab"), await read("merges")];
    if (vocab && merges) return { [FILE_NAMES.vocab]: vocab, [FILE_NAMES.merges]: merges };
    if (model.config) throw withoutTokenizer();
    return {};
  }

  // ------------------------------------------------------------------------------------------------ from the server

  /** A small file, whole; `undefined` if it is optional and not there. */
  async #small(file: WireFile, report: Report, signal: AbortSignal): Promise<Uint8Array | undefined> {
    let source: Source;
    let bytes: Uint8Array;
    for (let restarts = 0; ; restarts += 1) {
      source = this.#source(file, { whole: true });
      try {
        bytes = await readAll(source, signal, LONGEST_SMALL);
        break;
      } catch (error) {
        if ("optional" in file && file.optional && isMissing(error, file.url)) {
          if (this.#load.integrity?.[source.name] === undefined) return undefined;
          throw new ClipVisionError("integrity", `${source.name} has a checksum, but is not there: ${messageOf(error)}`, { cause: error });
        }
        if (!(error instanceof FileChanged) || restarts === RESTARTS) throw error;
      }
    }
    const hash = this.#load.integrity && hashOf(await this.#engine(), source.name, this.#load.integrity);
    hash?.update(bytes);
    hash?.check();
    this.#note(file, source);
    report({ stage: "config", file: source.name, loaded: bytes.byteLength, total: bytes.byteLength });
    return bytes;
  }

  #source(file: WireFile, options: { whole?: boolean; validators?: Validators }): Source {
    return "blob" in file ? new BlobSource(file.blob, file.name) : new RemoteFile(file.url, this.#host, options);
  }

  #note(file: WireFile, source: Source): void {
    if ("url" in file && source instanceof RemoteFile) this.#seen[file.url] = source.validators;
  }

  /** A loader that has been given all that it wants, and recorded if there is a cache; begun anew if the file changes. */
  async #fill(
    engine: Engine,
    make: () => EngineLoader,
    how: { part: Part; record: CacheRecord | undefined; files: Record<string, Uint8Array> },
    report: Report,
    signal: AbortSignal,
  ): Promise<EngineLoader> {
    for (let restarts = 0; ; restarts += 1) {
      const loader = guarded(engine, make);
      const recorder = how.record && (await this.#place?.recorder(how.part, how.record, engine, loader));
      if (recorder) guarded(engine, () => loader.record(this.#load.name, Object.keys(how.files), Object.values(how.files)));
      try {
        await this.#feedAll(engine, loader, { part: how.part, after: () => recorder?.drain() }, report, signal);
        await recorder?.finish(this.#seen);
        return loader;
      } catch (error) {
        await recorder?.discard();
        if (!(error instanceof EngineCrash)) loader.free();
        if (!(error instanceof FileChanged)) throw error;
        if (how.part === "text") {
          await this.#place?.remove();
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
    loader: EngineLoader,
    { part, after }: { part: Part; after: () => void },
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const { integrity, model: { weights, index } } = this.#load;
    const feedFrom = async (file: WireFile) => {
      const seen = part === "text" && "url" in file ? this.#seen[file.url] : undefined;
      const hash = hashOf(engine, nameOfFile(file), integrity);
      const source = this.#source(file, { whole: hash !== undefined, ...(seen && { validators: seen }) });
      await feed({ engine, loader, source, hash, after, ...("url" in file && { url: file.url }) }, report, signal);
      this.#note(file, source);
    };
    try {
      return await feedFrom(weights);
    } catch (error) {
      if (!index || !("url" in weights) || !isMissing(error, weights.url)) throw error;
      const json = await this.#small(index, report, signal);
      if (!json) throw error;
      guarded(engine, () => loader.setIndex(json));
    }
    do {
      await feedFrom({ url: beside("url" in weights ? weights.url : "", guarded(engine, () => loader.file())) });
    } while (guarded(engine, () => loader.nextFile()));
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
      await feed({ engine, loader, source: new BlobSource(blob, FILE_NAMES.weights) }, fromCache, signal);
      if (guarded(engine, () => loader.checksum()) !== checksum) throw new ClipVisionError("weights", "Its checksum is wrong");
      return loader;
    } catch (error) {
      if (!(error instanceof EngineCrash)) loader.free();
      throw error;
    }
  }
}

/** The files of a tokenizer: the first, or else the two others. */
const TOKENIZER = ["tokenizer", "vocab", "merges"] as const;

const withoutTokenizer = (): ClipVisionError => {
  const { tokenizer, vocab, merges } = FILE_NAMES;
  return new ClipVisionError("config", `The model has no tokenizer: neither ${tokenizer} nor ${vocab} and ${merges}`);
};

const nameOfFile = (file: WireFile): string => ("blob" in file ? file.name : nameOf(file.url));

/** Whether a failure says that a file is not there: a 404, or an application's start page in its place. */
function isMissing(error: unknown, url: string): boolean {
  if (error instanceof HttpError) return error.status === 404 || error.status === 200;
  // Files of an extension, or of an app's own scheme, have no status: one that is not there gets no answer.
  return error instanceof NoAnswer && !/^(https?|file):/i.test(url);
}

/** The address of a file in the same folder. */
function beside(url: string, name: string): string {
  const file = new URL(url);
  file.pathname = file.pathname.replace(/[^/]*$/, encodeURIComponent(name));
  return file.href;
}
