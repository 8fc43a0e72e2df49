/**
 * The worker's half of the conversation: takes requests, answers each once. It knows no worker, no wasm and no browser
 * decoder: all of these are handed in as a {@link Host}, so the tests run it with ones of their own.
 *
 * Photos are read ahead, a few at a time, while the engine computes one after the other. The engine never waits inside a
 * layer of the model; between two of them the worker listens to its messages: a `cancel` overtakes what is queued, and
 * ends what is being computed.
 */

import { ClipVisionError, isCoded, toWireError } from "../shared/errors.js";
import { checkBytes, openFile, readAll, type Fetch } from "../shared/files.js";
import type {
  CallName,
  CallRequest,
  Calls,
  EmbeddingDetails,
  FetchCalls,
  LoadedModel,
  Response,
  ServiceRequest,
  Timings,
  WireDecoding,
  WireLoad,
  WireOpacity,
  WirePhoto,
  WirePixels,
} from "../shared/protocol.js";
import { RpcClient } from "../shared/rpc_client.js";
import { RpcServer, type Moved } from "../shared/rpc_server.js";
import { Batch, type Computed } from "./batch.js";
import {
  EngineCrash,
  guarded,
  release,
  type Engine,
  type EngineModel,
  type EnginePass,
  type EnginePhoto,
  type EnginePrepared,
} from "./engine.js";
import { ModelLoading, type LoadHost, type Report } from "./loading.js";
import { pageFetch } from "./page_fetch.js";
import type { BrowserPicture, BrowserPixels } from "./pixels.js";
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
  readPixels(source: ImageBitmap | VideoFrame): Promise<BrowserPixels>;
  /** Decodes a file with the browser, smaller if its shorter edge is over `edge`; `undefined` if it can't. */
  decodeInBrowser(bytes: Uint8Array, type: string, edge?: number): Promise<BrowserPicture | undefined>;
  /** Makes a tokenizer of its files. */
  createTokenizer(files: TokenizerFiles): Tokenizer;
  /** Resolves after the messages that have arrived by now have been handled. */
  nextTurn(): Promise<void>;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** Photos that are read or held in memory before their turn: two batches; more would only cost memory. */
const READ_AHEAD = 8;
const DEFAULT_PREPROCESSING =
  "The model has neither preprocessor_config.json nor a processor_config.json that says how its photos are prepared: CLIP's " +
  "own preprocessing is used (shortest edge to the model's size by bicubic, the middle square, CLIP's mean and deviation)";
/** The most bytes and pixels of a photo's file, unless an application says otherwise: what Rust's `Limits` have on wasm32. */
const MAX_BYTES = 256 * 2 ** 20;
const MAX_PIXELS = 100e6;
/** How many times the model's size the shorter edge of a picture keeps at least that is decoded fast. */
const REDUCING_GAP = 2;
/** Milliseconds of computing after which the worker listens, once the layer is done; listening takes a hundredth of that. */
const LISTEN_EVERY = 4;
/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 50;

/** A photo that has been read: a file, pixels, or a picture that only the browser can read. */
type ReadPhoto = WireOpacity &
  (
    | ({ kind: "encoded"; bytes: Uint8Array; type: string } & WireDecoding)
    | WirePixels
    | Extract<WirePhoto, { kind: "bitmap" | "frame" }>
  );

/** A photo in the engine, and how it was read. */
type Prepared = { prepared: EnginePrepared } & Pick<EmbeddingDetails, "decoder" | "width" | "height" | "noisy"> &
  Pick<Timings, "decode" | "preprocess">;

/** A model, and who computes with it. */
interface Loaded {
  engine: Engine;
  model: EngineModel;
  batch: Batch;
  texts: Texts;
}

/** An answer, and the buffers that move with it. */
type Answer = Moved<Calls[CallName]["result"]>;

/** Answers requests; made once in a worker, for one model. */
export class Dispatcher {
  readonly #host: Host;
  readonly #calls: RpcServer<Calls>;
  readonly #page: RpcClient<FetchCalls>;
  readonly #readAhead = new Semaphore(READ_AHEAD);
  readonly #turn = new Semaphore(1);
  #fetch: Fetch;
  #maxBytes = MAX_BYTES;
  #maxPixels = MAX_PIXELS;
  #loaded: Loaded | undefined;
  /** The page knows that pixels are falsified. */
  #warned = false;

  constructor(host: Host) {
    this.#host = host;
    this.#fetch = host.fetch;
    this.#page = new RpcClient((message) => host.post(message));
    this.#calls = new RpcServer<Calls>({
      post: (message, transfer) => host.post(message, transfer),
      run: (call, signal) =>
        this.#run(call, signal).catch((error: unknown) => {
          if (error instanceof EngineCrash) this.#crash(error.cause, call.id);
          throw error;
        }),
    });
  }

  /** Takes a message from the page. Never throws. */
  handle(request: ServiceRequest): void {
    if (request.type === "done" || request.type === "failed") this.#page.receive(request);
    else this.#calls.handle(request);
  }

  #crash(error: ClipVisionError, id?: number): void {
    if (this.#calls.stopped) return; // the page has been told, and ends this worker
    this.#host.post({ type: "crashed", ...(id !== undefined && { id }), error: toWireError(error) });
    this.#calls.stop();
  }

  async #run(request: CallRequest, signal: AbortSignal): Promise<Answer> {
    switch (request.type) {
      case "load":
        return [await this.#load(request.id, request.argument, signal), []];
      case "embedText":
        return this.#embedText(request.id, request.argument, signal);
      case "embed":
        return this.#withPhoto(request.argument, signal, (photo) => this.#embed(request.id, photo, signal));
      case "embedOneOfMany":
        return this.#withPhoto(request.argument, signal, (photo) => this.#embedOneOfMany(request.id, photo, signal));
      case "tensor":
        return this.#withPhoto(request.argument, signal, (photo) => this.#tensor(request.id, photo, signal));
      case "classify": {
        const { photo, prompts } = request.argument;
        const labels = () => this.#ready().texts.labels(prompts, signal, this.#reporter(request.id));
        return this.#withPhoto(photo, signal, (read, given) => this.#classify(request.id, read, given, signal), labels);
      }
    }
  }

  /** Does what has to be done `before`, reads the photo, a few at a time, and works on it. */
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
        return await work(await this.#read(photo, signal), prepared);
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

  /** The same, and the page hears that the call waits no longer. */
  #started<T>(id: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#inTurn(signal, () => {
      this.#host.post({ type: "started", id });
      return work();
    });
  }

  // ---------------------------------------------------------------------------------------------------- the model

  async #load(id: number, load: WireLoad, signal: AbortSignal): Promise<LoadedModel> {
    if (load.fetchOnPage) this.#fetch = pageFetch(this.#page);
    this.#maxBytes = load.maxBytes ?? MAX_BYTES;
    this.#maxPixels = load.maxPixels ?? MAX_PIXELS;
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
      model,
      load: (report, stopped) => loading.text(engine, model, report, stopped),
      createTokenizer: (files) => this.#host.createTokenizer(files),
      compute: (stopped, begin) =>
        this.#inTurn(stopped, async () => (await this.#forward(begin, stopped)).output),
      // A call that waits for it reports it first, by its id.
      crashed: (crash) => void this.#host.nextTurn().then(() => this.#crash(crash.cause)),
    });
    const { defaultPreprocessing, ...info } = guarded(engine, () => model.info());
    if (defaultPreprocessing) this.#host.post({ type: "warning", warning: { code: "default-preprocessing", message: DEFAULT_PREPROCESSING } });
    const batch = new Batch({
      size: info.batch,
      start: (photos) => model.start(photos),
      forward: (start, stopped) => this.#forward(start, stopped),
      inTurn: (stopped, work) => this.#inTurn(stopped, work),
    });
    this.#loaded = { engine, model, batch, texts };
    return {
      dimension: info.dimension,
      imageSize: info.imageSize,
      precision: info.precision as LoadedModel["precision"],
      simd: info.simd,
      threads: info.threads,
      bytes: info.modelBytes,
      batch: info.batch,
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

  /** Files over the limit are refused before they are read, let alone copied into the engine's memory. */
  async #read(photo: WirePhoto, signal: AbortSignal): Promise<ReadPhoto> {
    switch (photo.kind) {
      case "url": {
        const file = await openFile({ url: photo.url }, this.#fetch, signal);
        return { ...photo, kind: "encoded", bytes: file ? await readAll(file, this.#maxBytes) : new Uint8Array(), type: "" };
      }
      case "blob": {
        const { blob } = photo;
        const name = "name" in blob && typeof blob.name === "string" ? blob.name : "photo";
        const file = await openFile({ blob, name }, this.#fetch, signal);
        return { ...photo, kind: "encoded", bytes: file ? await readAll(file, this.#maxBytes) : new Uint8Array(), type: blob.type };
      }
      case "encoded":
        checkBytes(photo.bytes.byteLength, this.#maxBytes);
        return { ...photo, type: "" };
      default:
        return photo;
    }
  }

  #embed(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const prepared = await this.#prepare(photo);
      const { output, forward } = await this.#forward(() => this.#ready().model.start([prepared.prepared]), signal);
      return embeddingAnswer(prepared, { embedding: output, forward });
    });
  }

  async #embedOneOfMany(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    const prepared = await this.#started(id, signal, () => this.#prepare(photo));
    return embeddingAnswer(prepared, await this.#ready().batch.embed(prepared.prepared, signal));
  }

  #tensor(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const { prepared } = await this.#prepare(photo);
      try {
        const { data, shape } = guarded(this.#ready().engine, () => prepared.tensor());
        return [{ data, shape }, [data.buffer]];
      } finally {
        release(prepared);
      }
    });
  }

  #classify(id: number, photo: ReadPhoto, labels: Float32Array, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const { prepared } = await this.#prepare(photo);
      const { engine, model } = this.#ready();
      const { output } = await this.#forward(() => model.start([prepared]), signal);
      const probabilities = guarded(engine, () => model.probabilities(output, labels));
      return [probabilities, [probabilities.buffer]];
    });
  }

  async #embedText(id: number, text: string, signal: AbortSignal): Promise<Answer> {
    const started = () => this.#host.post({ type: "started", id });
    const [embedding] = await this.#ready().texts.embed([text], signal, this.#reporter(id), started);
    if (!embedding) throw new ClipVisionError("compute", "The model gave no embedding");
    return [embedding, [embedding.buffer]];
  }

  /** Decodes and preprocesses a photo in Rust; the browser decodes what Rust can't, or what it was asked to. */
  async #prepare(photo: ReadPhoto): Promise<Prepared> {
    const { engine, model } = this.#ready();
    const opacity: WireOpacity = photo.background ? { background: photo.background } : {};
    const inRust = (given: EnginePhoto, browser?: { decode: number }): Prepared => {
      const prepared = guarded(engine, () => model.prepare(given));
      const reading = guarded(engine, () => prepared.reading());
      return { prepared, ...reading, ...(browser && { decoder: "browser", decode: reading.decode + browser.decode }) };
    };
    const start = this.#host.now();
    const inBrowser = ({ pixels, noisy }: BrowserPixels): Prepared => {
      const prepared = inRust({ ...pixels, ...opacity }, { decode: this.#host.now() - start });
      if (noisy) this.#warnOfNoise();
      return { ...prepared, ...(noisy && { noisy }) };
    };
    if (photo.kind === "bitmap") return inBrowser(await this.#host.readPixels(photo.bitmap));
    if (photo.kind === "frame") return inBrowser(await this.#host.readPixels(photo.frame));
    if (photo.kind === "pixels") return inRust(photo);
    const { bytes, type, decode, decoder } = photo;
    let refusal: unknown = new ClipVisionError("unsupported-format", "The browser does not decode this file");
    if (decoder !== "browser") {
      try {
        return inRust({ kind: "encoded", bytes, ...opacity, ...(decode && { decode }) });
      } catch (error) {
        if (error instanceof EngineCrash) throw crashOfDecoder(error);
        const undecoded = isCoded(error) && (error.code === "unsupported-format" || error.code === "decode");
        if (decoder === "rust" || !undecoded) throw error;
        refusal = error;
      }
    }
    const edge = decode === "fast" ? REDUCING_GAP * guarded(engine, () => model.info()).imageSize : undefined;
    const picture = await this.#host.decodeInBrowser(bytes, type, edge);
    if (picture === undefined) throw refusal;
    const { width, height } = picture;
    if (width * height > this.#maxPixels) {
      throw new ClipVisionError("too-large", `${width}x${height} pixels are over the limit of ${this.#maxPixels}`);
    }
    return { ...inBrowser(picture), width, height };
  }

  #warnOfNoise(): void {
    if (this.#warned) return;
    this.#warned = true;
    const message =
      "This browser falsifies the pixels that are read from a canvas (resist fingerprinting): embeddings of images, canvases " +
      "and videos are not those of the pictures; of files and bytes they are";
    this.#host.post({ type: "warning", warning: { code: "canvas-noise", message } });
  }

  /** Computes a pass, with an ear for messages between the layers: a call that is taken back ends it there. */
  async #forward(start: () => EnginePass, signal: AbortSignal): Promise<{ output: Float32Array; forward: number }> {
    const { engine } = this.#ready();
    const { now, nextTurn } = this.#host;
    let begin = now();
    const pass = guarded(engine, start);
    let forward = now() - begin;
    try {
      for (;;) {
        await nextTurn();
        signal.throwIfAborted();
        begin = now();
        let output: Float32Array | undefined;
        do output = guarded(engine, () => pass.step());
        while (!output && now() - begin < LISTEN_EVERY);
        forward += now() - begin;
        if (output) return { output, forward };
      }
    } finally {
      release(pass);
    }
  }

  #ready(): Loaded {
    if (this.#calls.stopped) throw new ClipVisionError("worker-crashed", "The engine stopped");
    if (!this.#loaded) throw new ClipVisionError("compute", "A photo or a text came before the model");
    return this.#loaded;
  }
}

/** What a photo is told that broke a decoder, and the engine with it: it is that photo's error, as natively. */
function crashOfDecoder(crash: EngineCrash): EngineCrash {
  const { cause } = crash;
  if (cause.code !== "worker-crashed") return crash;
  return new EngineCrash(new ClipVisionError("decode", `The file is broken: its decoder crashed. ${cause.message}`, { cause }));
}

/** The answer for a photo that was prepared and computed. */
function embeddingAnswer(prepared: Prepared, { embedding, forward }: Computed): Answer {
  const { decode, preprocess, decoder, width, height, noisy } = prepared;
  const timings = { decode, preprocess, forward };
  const answer: EmbeddingDetails = { embedding, timings, decoder, width, height, ...(noisy && { noisy }) };
  return [answer, [embedding.buffer]];
}
