/**
 * The worker's half of the conversation: takes requests, answers each once. It knows no worker, no wasm and no browser
 * decoder: all of these are handed in as a {@link Host}, so the tests run it with ones of their own.
 *
 * Photos are read ahead, a few at a time, while the engine computes one after the other. The engine never waits inside a
 * computation, so between two of them the worker listens to its messages once: a `cancel` overtakes what is queued.
 */

import { EngineCrash, guarded, type Engine, type EngineModel, type EnginePhoto } from "./engine.js";
import { ClipVisionError, isCoded, toWireError } from "./errors.js";
import { openFile, readAll, type Fetch } from "./files.js";
import { ModelLoading, type LoadHost, type Report } from "./loading.js";
import { PageFetch } from "./page_fetch.js";
import type {
  CallName,
  CallRequest,
  Calls,
  EmbeddingDetails,
  LoadedModel,
  Request,
  Response,
  WireDecoding,
  WireLoad,
  WirePhoto,
  WirePixels,
} from "./protocol.js";
import { Semaphore } from "./semaphore.js";
import { Texts, type Tokenizer, type TokenizerFiles } from "./texts.js";

/** What the dispatcher needs of the world around it. */
export interface Host {
  /** Sends a message to the page. */
  post(message: Response, transfer?: Transferable[]): void;
  /** Starts the engine, from the given wasm file or the package's own, with so many threads or as many as are good. */
  startEngine(
    wasmUrl: string | undefined,
    threads: number | undefined,
    fetch: Fetch,
    signal: AbortSignal,
  ): Promise<Engine>;
  /** Reads addresses. */
  fetch: Fetch;
  /** What else loading needs of the world. */
  loading: Omit<LoadHost, "fetch" | "startEngine" | "warn">;
  /** Reads the pixels of a picture of the browser's, and closes it. */
  readPixels(source: ImageBitmap | VideoFrame): WirePixels;
  /** Decodes a file with the browser; `undefined` if it can't. */
  decodeInBrowser(bytes: Uint8Array, type: string): Promise<WirePixels | undefined>;
  /** Makes a tokenizer of its files. */
  createTokenizer(files: TokenizerFiles): Tokenizer;
  /** Resolves after the messages that have arrived by now have been handled. */
  nextTurn(): Promise<void>;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** Photos that are read or held in memory before their turn; more would only cost memory. */
const READ_AHEAD = 4;
/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 50;

/** A photo that has been read: a file, pixels, or a picture that only the browser can read. */
type ReadPhoto =
  | ({ kind: "encoded"; bytes: Uint8Array; type: string } & WireDecoding)
  | WirePixels
  | Extract<WirePhoto, { kind: "bitmap" | "frame" }>;

/** An answer, and the buffers that move with it. */
type Answer = [result: Calls[CallName]["result"], transfer: Transferable[]];

/** Answers requests; made once in a worker, for one model. */
export class Dispatcher {
  readonly #host: Host;
  readonly #pageFetch: PageFetch;
  readonly #calls = new Map<number, AbortController>();
  readonly #readAhead = new Semaphore(READ_AHEAD);
  readonly #turn = new Semaphore(1);
  #fetch: Fetch;
  #loaded: { engine: Engine; model: EngineModel; texts: Texts } | undefined;
  #crashed = false;

  constructor(host: Host) {
    this.#host = host;
    this.#fetch = host.fetch;
    this.#pageFetch = new PageFetch((message) => host.post(message));
  }

  /** Takes a message from the page. Never throws. */
  handle(request: Request): void {
    if (this.#crashed) return; // the page has been told, and ends this worker
    switch (request.type) {
      case "cancel":
        return this.#calls.get(request.id)?.abort();
      case "fetched":
      case "fetch-failed":
        return this.#pageFetch.settle(request);
      default:
        void this.#call(request);
    }
  }

  async #call(request: CallRequest): Promise<void> {
    const { id } = request;
    const controller = new AbortController();
    const { signal } = controller;
    this.#calls.set(id, controller);
    try {
      const [result, transfer] = await this.#run(request, signal);
      if (!signal.aborted && !this.#crashed) this.#host.post({ type: "done", id, result }, transfer);
    } catch (error) {
      if (error instanceof EngineCrash) this.#crash(id, error.cause);
      else if (!signal.aborted && !this.#crashed) this.#host.post({ type: "failed", id, error: toWireError(error) });
    } finally {
      this.#calls.delete(id);
    }
  }

  #crash(id: number | undefined, error: ClipVisionError): void {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#host.post({ type: "crashed", ...(id !== undefined && { id }), error: toWireError(error) });
    for (const controller of this.#calls.values()) controller.abort();
  }

  async #run(request: CallRequest, signal: AbortSignal): Promise<Answer> {
    switch (request.type) {
      case "load":
        return [await this.#load(request.id, request.argument, signal), []];
      case "embedText":
        return this.#embedText(request.argument, signal, this.#reporter(request.id));
      case "embed":
        return this.#withPhoto(request.argument, signal, (photo) => this.#embed(photo));
      case "tensor":
        return this.#withPhoto(request.argument, signal, (photo) => this.#tensor(photo));
      case "classify": {
        const { photo, prompts } = request.argument;
        const labels = () => this.#ready().texts.labels(prompts, signal, this.#reporter(request.id));
        return this.#withPhoto(photo, signal, (read, given) => this.#classify(read, given), labels);
      }
    }
  }

  /** Does what has to be done `before`, reads the photo, a few at a time, and works on it in its turn. */
  async #withPhoto<T = undefined>(
    photo: WirePhoto,
    signal: AbortSignal,
    work: (photo: ReadPhoto, prepared: T) => Promise<Answer>,
    before?: () => Promise<T>,
  ): Promise<Answer> {
    try {
      const prepared = (await before?.()) as T;
      await this.#readAhead.enter(signal);
      try {
        const read = await this.#read(photo, signal);
        return await this.#inTurn(signal, () => work(read, prepared));
      } finally {
        this.#readAhead.leave();
      }
    } finally {
      if (photo.kind === "bitmap") photo.bitmap.close();
      if (photo.kind === "frame") photo.frame.close();
    }
  }

  /** One computation at a time, and the messages that came meanwhile are handled before the next. */
  async #inTurn<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    await this.#turn.enter(signal);
    try {
      return await work();
    } finally {
      void this.#host.nextTurn().then(() => this.#turn.leave());
    }
  }

  // ---------------------------------------------------------------------------------------------------- the model

  async #load(id: number, load: WireLoad, signal: AbortSignal): Promise<LoadedModel> {
    if (load.fetchOnPage) this.#fetch = this.#pageFetch.fetch;
    const loading = new ModelLoading(
      {
        ...this.#host.loading,
        fetch: this.#fetch,
        startEngine: (wasmUrl, stopped) => this.#host.startEngine(wasmUrl, load.threads, this.#host.fetch, stopped),
        warn: (warning) => this.#host.post({ type: "warning", warning }),
      },
      load,
    );
    const { engine, model } = await loading.vision(this.#reporter(id), signal);
    const texts = new Texts({
      engine,
      model,
      load: (report, stopped) => loading.text(engine, model, report, stopped),
      createTokenizer: (files) => this.#host.createTokenizer(files),
      inTurn: (stopped, work) => this.#inTurn(stopped, work),
      // A call that waits for it reports it first, by its id.
      crashed: (crash) => void this.#host.nextTurn().then(() => this.#crash(undefined, crash.cause)),
    });
    this.#loaded = { engine, model, texts };
    const info = guarded(engine, () => model.info());
    return {
      dimension: info.dimension,
      imageSize: info.imageSize,
      precision: info.precision as LoadedModel["precision"],
      simd: info.simd,
      threads: info.threads,
      bytes: info.modelBytes,
    };
  }

  #reporter(id: number): Report {
    let last = { at: -Infinity, file: "" };
    return (progress, always = false) => {
      const at = this.#host.now();
      const complete = progress.loaded === progress.total;
      if (!always && !complete && progress.file === last.file && at - last.at < REPORT_EVERY) return;
      last = { at, file: progress.file };
      this.#host.post({ type: "progress", id, progress });
    };
  }

  // --------------------------------------------------------------------------------------------------- the photos

  async #read(photo: WirePhoto, signal: AbortSignal): Promise<ReadPhoto> {
    switch (photo.kind) {
      case "url": {
        const file = await openFile({ url: photo.url }, this.#fetch, signal);
        return { ...photo, kind: "encoded", bytes: file ? await readAll(file) : new Uint8Array(), type: "" };
      }
      case "blob": {
        const { blob } = photo;
        const name = "name" in blob && typeof blob.name === "string" ? blob.name : "photo";
        const file = await openFile({ blob, name }, this.#fetch, signal);
        return { ...photo, kind: "encoded", bytes: file ? await readAll(file) : new Uint8Array(), type: blob.type };
      }
      case "encoded":
        return { ...photo, type: "" };
      default:
        return photo;
    }
  }

  async #embed(photo: ReadPhoto): Promise<Answer> {
    const [result, how] = await this.#inRust(photo, (model, given) => model.embed(given));
    const { embedding, timings, width, height } = result;
    const decoder = how.browser ? "browser" : result.decoder;
    const decode = timings.decode + how.decode;
    const answer: EmbeddingDetails = { embedding, timings: { ...timings, decode }, decoder, width, height };
    return [answer, [embedding.buffer]];
  }

  async #tensor(photo: ReadPhoto): Promise<Answer> {
    const [{ data, shape }] = await this.#inRust(photo, (model, given) => model.tensor(given));
    return [{ data, shape }, [data.buffer]];
  }

  async #classify(photo: ReadPhoto, labels: Float32Array): Promise<Answer> {
    const [{ embedding }] = await this.#inRust(photo, (model, given) => model.embed(given));
    const { engine, model } = this.#ready();
    const probabilities = guarded(engine, () => model.probabilities(embedding, labels));
    return [probabilities, [probabilities.buffer]];
  }

  async #embedText(text: string, signal: AbortSignal, report: Report): Promise<Answer> {
    const [embedding] = await this.#ready().texts.embed([text], signal, report);
    if (!embedding) throw new ClipVisionError("compute", "The model gave no embedding");
    return [embedding, [embedding.buffer]];
  }

  /** Hands a photo to Rust; the browser decodes what Rust can't, or what it was asked to. */
  async #inRust<T>(
    photo: ReadPhoto,
    work: (model: EngineModel, photo: EnginePhoto) => T,
  ): Promise<[T, { browser: boolean; decode: number }]> {
    const { engine, model } = this.#ready();
    const start = this.#host.now();
    if (photo.kind === "bitmap" || photo.kind === "frame") {
      const pixels = this.#host.readPixels(photo.kind === "bitmap" ? photo.bitmap : photo.frame);
      const decode = this.#host.now() - start;
      return [guarded(engine, () => work(model, pixels)), { browser: true, decode }];
    }
    if (photo.kind === "pixels") return [guarded(engine, () => work(model, photo)), { browser: false, decode: 0 }];
    const { bytes, type, decode, decoder } = photo;
    let refusal: unknown = new ClipVisionError("unsupported-format", "The browser does not decode this file");
    if (decoder !== "browser") {
      try {
        const given = { kind: "encoded", bytes, ...(decode && { decode }) } as const;
        return [guarded(engine, () => work(model, given)), { browser: false, decode: 0 }];
      } catch (error) {
        if (decoder === "rust" || !isCoded(error) || error.code !== "unsupported-format") throw error;
        refusal = error;
      }
    }
    const pixels = await this.#host.decodeInBrowser(bytes, type);
    if (pixels === undefined) throw refusal;
    return [guarded(engine, () => work(model, pixels)), { browser: true, decode: this.#host.now() - start }];
  }

  #ready(): { engine: Engine; model: EngineModel; texts: Texts } {
    if (this.#crashed) throw new ClipVisionError("worker-crashed", "The engine stopped");
    if (!this.#loaded) throw new ClipVisionError("compute", "A photo or a text came before the model");
    return this.#loaded;
  }
}
