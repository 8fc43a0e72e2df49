/**
 * The worker's end of the conversation: takes requests, answers each once. It knows no worker, no wasm and no browser
 * decoder: all of these are handed in as a {@link Host}, so the tests run it with ones of their own.
 *
 * Photos are read ahead, a few at a time, while the engine computes one after the other. The engine never waits inside a
 * layer of the model; between two of them the worker listens to its messages: a `cancel` overtakes what is queued, and
 * ends what is being computed.
 */

import { ClipVisionError, toWireError } from "../shared/errors.js";
import type { Fetch } from "../shared/files.js";
import { gpuFailure, isGpuFailure, type GpuFailure } from "../shared/gpu_failure.js";
import type {
  CallName,
  CallRequest,
  Calls,
  Floats,
  FetchPurpose,
  PageCalls,
  LoadedModel,
  PixelTensor,
  Response,
  ServiceRequest,
  WireConversion,
  WireEmbedding,
  WireLoad,
  WirePhoto,
  WirePrepared,
} from "../shared/protocol.js";
import { redacted } from "../shared/redact.js";
import { RpcClient } from "../shared/rpc_client.js";
import { RpcServer, type Moved } from "../shared/rpc_server.js";
import { Batch, type Computed } from "./batch.js";
import { EngineCrash, guarded, release, type Engine, type EngineModel, type EnginePass, type EnginePrepared } from "./engine.js";
import type { Report } from "./feed.js";
import type { GpuTowers } from "./gpu/towers.js";
import { ModelLoading, type LoadHost } from "./loading.js";
import { pageFetch } from "./page.js";
import { overallProgress } from "./progress.js";
import { Photos, type ForeignPhoto, type PhotoHost, type PhotoModel, type Prepared, type ReadPhoto } from "./photos.js";
import { Semaphore } from "./semaphore.js";
import type { Seldom } from "./seldom.js";
import type { TextScript } from "./text_script.js";
import type { Texts } from "./texts.js";
import { Turns, type PassResult, type TurnHost } from "./turns.js";

/** What the dispatcher needs of the world around it. */
export interface Host extends PhotoHost, TurnHost {
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
  loading: Omit<LoadHost, "fetch" | "startEngine" | "warn" | "now" | "seldom">;
  /** Gets what few models and photos need. */
  seldom(): Promise<Seldom>;
  /** Gets what only texts need. */
  texts(): Promise<TextScript>;
}

/**
 * Photos that are read or held in memory before their turn: two batches, on a GPU too; more would only cost memory. Those that the
 * application decodes are counted apart (`application.ts`).
 */
const READ_AHEAD = 8;
/** What a model is loaded with, now and should it be loaded again. */
interface How {
  load: WireLoad;
  host: LoadHost;
  photosOf(engine: Engine, model: PhotoModel, imageSize: number): Photos;
}

/** What is said of a worker that has no model. */
const PREPARER: LoadedModel = {
  task: "photos", dimension: 0, imageSize: 0, scores: null, precision: "f32", weights: "", device: "wasm", simd: "none", threads: 1, bytes: 0, batch: 1,
};

/** A model, and who computes with it. */
interface Loaded {
  engine: Engine;
  model: EngineModel;
  loading: ModelLoading;
  how: How;
  batch: Batch;
  /** Once there was one. */
  texts: Texts | undefined;
  /** Where its towers are, if not in the engine. */
  gpu: GpuTowers | undefined;
}

/** An answer, and the buffers that move with it. */
type Answer = Moved<Calls[CallName]["result"]>;

/** Answers requests; made once in a worker, for one model. */
export class Dispatcher {
  readonly #host: Host;
  readonly #calls: RpcServer<Calls>;
  readonly #page: RpcClient<PageCalls>;
  #readAhead = new Semaphore(READ_AHEAD);
  /** Single photos on a GPU and on their way there: one that it computes, and one that is prepared meanwhile. The others wait, and may be replaced. */
  readonly #onGpu = new Semaphore(2);
  readonly #turns: Turns;
  #loaded: Loaded | undefined;
  /** Prepares photos, for the model or for another worker's. */
  #photos: Photos | undefined;
  /** The model on its way into the engine, in place of the GPU. */
  #fallingBack: Promise<void> | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#turns = new Turns(host);
    this.#page = new RpcClient((message, transfer) => host.post(message, transfer));
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
    if (request.type === "done" || request.type === "failed") return this.#page.receive(request);
    this.#calls.handle(request);
    if (request.type === "cancel") this.#host.post({ type: "canceled", id: request.id });
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
      case "embedTexts":
        return this.#embedTexts(request.id, request.argument, signal);
      case "embed":
        return this.#withPhoto(request.argument, signal, (photo) => this.#embed(request.id, photo, signal));
      case "embedOneOfMany":
        return this.#withPhoto(request.argument, signal, (photo) => this.#embedOneOfMany(request.id, photo, signal));
      case "tensor":
        return this.#withPhoto(request.argument, signal, (photo) => this.#tensor(request.id, photo, signal));
      case "settings": {
        const { engine, model } = this.#ready();
        const settings = guarded(engine, () => model.settings());
        if (!settings) throw new ClipVisionError("compute", "A model of texts alone has no photos to prepare");
        return [settings, []];
      }
      case "prepare":
        return this.#withPhoto(request.argument, signal, (photo) => this.#prepare(request.id, photo, signal));
      case "embedPrepared":
        return this.#embedPrepared(request.argument, signal);
      case "toBlob":
        return [await this.#toBlob(request.id, request.argument, signal), []];
      case "classify": {
        const { argument, id } = request;
        const labels = () => this.#withTexts((texts) => texts.labels(argument.prompts, signal, this.#reporter(id)));
        if ("embedding" in argument) return this.#compare(id, argument.embedding, await labels(), signal);
        return this.#withPhoto(argument.photo, signal, (photo, given) => this.#classify(id, photo, given, signal), labels);
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
      let foreign: ForeignPhoto;
      const readAhead = this.#readAhead;
      await readAhead.enter(signal);
      try {
        const read = await this.#photosOf().read(photo, signal);
        if (read.kind !== "foreign") return await work(read, prepared);
        foreign = read;
      } finally {
        readAhead.leave();
      }
      return await foreign.decoded(signal, (decoded) => work(decoded, prepared));
    } finally {
      if (photo.kind === "bitmap") photo.bitmap.close();
      if (photo.kind === "frame") photo.frame.close();
    }
  }

  /** Works in the engine's turn, and the page hears that the call waits no longer. */
  #started<T>(id: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#turns.inEngine(signal, () => {
      this.#host.post({ type: "started", id });
      return work();
    });
  }

  // ---------------------------------------------------------------------------------------------------- the model

  async #load(id: number, load: WireLoad, signal: AbortSignal): Promise<LoadedModel> {
    const fetchFor = (purpose: FetchPurpose) => (load.fetchOnPage ? pageFetch(this.#page, purpose) : this.#host.fetch);
    const host: LoadHost = {
      ...this.#host.loading,
      now: this.#host.now,
      seldom: () => this.#host.seldom(),
      fetch: withToken(fetchFor("model"), load.token),
      startEngine: (wasmUrl, stopped) => this.#host.startEngine(wasmUrl, load.threads, this.#host.fetch, stopped),
      warn: (warning) => this.#host.post({ type: "warning", warning: { ...warning, message: redacted(warning.message) } }),
    };
    const { maxBytes, maxPixels, decodeOnPage, preparing } = load;
    const application = decodeOnPage.length > 0 ? new (await this.#host.seldom()).ApplicationPhotos(this.#page, load, this.#host.now) : undefined;
    const network = { ...this.#host.loading, fetch: fetchFor("photo") };
    const photosOf = (engine: Engine, model: PhotoModel, imageSize: number): Photos =>
      new Photos({ host: this.#host, network, engine, model, imageSize, maxBytes, maxPixels, application, warn: host.warn });
    if (preparing) {
      const engine = await host.startEngine(load.wasmUrl, signal);
      const preparer = guarded(engine, () => new engine.Preparer(preparing, maxBytes, maxPixels));
      this.#photos = photosOf(engine, preparer, preparer.imageSize());
      return PREPARER;
    }
    return this.#loadModel(new ModelLoading(host, load), { load, host, photosOf }, this.#reporter(id), signal);
  }

  /** Loads a model, in place of the one that there is, if there is one. */
  async #loadModel(loading: ModelLoading, how: How, report: Report, signal: AbortSignal): Promise<LoadedModel> {
    const before = this.#loaded;
    const { engine, model, gpu, examined } = await loading.vision(report, signal);
    const { defaultPreprocessing, ...info } = guarded(engine, () => model.info());
    if (defaultPreprocessing && !before) {
      const more = await this.#host.seldom().then(({ clipsOwn }) => clipsOwn, () => "");
      how.host.warn({ code: "default-preprocessing", message: `The model does not say how its photos are prepared: CLIP's own preprocessing is used${more}` });
    }
    const size = gpu?.batch ?? info.batch;
    this.#readAhead = new Semaphore(Math.max(READ_AHEAD, 2 * size));
    const batch = new Batch({
      size,
      inTurn: (stopped, work) => this.#inTurn(stopped, work),
      compute: (photos, stopped) => this.#computePhotos(photos, stopped),
    });
    const loaded: Loaded = { engine, model, loading, how, batch, texts: undefined, gpu };
    // There is nothing else to a model of texts; and one that had its texts before is to have them still, or else when the next one comes.
    const ready = async (): Promise<void> => (await this.#textsOf(loaded)).ready(signal, report);
    if (info.task === "texts") await ready();
    else if (before?.texts?.isReady) await ready().catch(() => undefined);
    this.#photos = how.photosOf(engine, model, info.imageSize);
    this.#loaded = loaded;
    return {
      task: info.task,
      dimension: info.dimension,
      imageSize: info.imageSize,
      scores: info.scores ?? null,
      precision: info.precision as LoadedModel["precision"],
      weights: loading.weights,
      device: gpu ? "webgpu" : "wasm",
      ...examined,
      simd: info.simd,
      threads: info.threads,
      bytes: info.modelBytes,
      batch: size,
    };
  }

  /** What computes a model's texts. */
  async #textsOf(loaded: Loaded): Promise<Texts> {
    const { Texts, createTokenizer, loadText } = await this.#host.texts();
    const { loading, model } = loaded;
    return (loaded.texts ??= new Texts({
      createTokenizer,
      load: (report, stopped) =>
        loadText(loading, model, report, stopped).catch((error: unknown) => {
          // The engine is lost though no call may be waiting for it; one that waits reports it first, by its id.
          if (error instanceof EngineCrash) void this.#host.nextTurn().then(() => this.#crash(error.cause));
          throw error;
        }),
      compute: (ids, lengths, stopped, started) => this.#computeTexts(model, ids, lengths, stopped, started),
    }));
  }

  /** Loads the model once more, into the engine, since the GPU failed; once for all calls that hear of it. */
  #fallBack(failure: GpuFailure): Promise<void> {
    const { gpu, how, engine } = this.#ready();
    if (!gpu) return Promise.resolve(); // another call was first
    return (this.#fallingBack ??= (async () => {
      gpu.close(failure.why);
      how.host.warn({ code: "gpu-failed", message: `WebAssembly computes from now on: ${failure.message}` });
      const { device: _, ...load } = how.load;
      const host: LoadHost = { ...how.host, startEngine: () => Promise.resolve(engine) };
      const signal = new AbortController().signal; // others wait for it too
      const model = await this.#loadModel(new ModelLoading(host, load), how, () => undefined, signal);
      this.#host.post({ type: "reloaded", model: { ...model, gpu: gpu.info, why: failure.why } });
    })().finally(() => (this.#fallingBack = undefined)));
  }

  #reporter(id: number): Report {
    return overallProgress(this.#host.now, (progress) => this.#host.post({ type: "progress", id, progress }));
  }

  // --------------------------------------------------------------------------------------------------- the photos

  /** Prepares a photo and embeds it: in the same turn, unless a GPU computes meanwhile. */
  async #embedded(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Prepared & Computed> {
    const prepare = () => this.#photosOf().prepare(photo);
    const embed = async (prepared: Prepared): Promise<Prepared & Computed> => {
      const { output, forward } = await this.#computePhotos([prepared.prepared], signal);
      return { ...prepared, embedding: output, forward };
    };
    if (!this.#ready().gpu) return this.#started(id, signal, async () => embed(await prepare()));
    await this.#onGpu.enter(signal);
    try {
      const prepared = await this.#started(id, signal, prepare);
      let isTaken = false;
      try {
        return await this.#inTurn(signal, () => ((isTaken = true), embed(prepared)));
      } finally {
        if (!isTaken) release(prepared.prepared);
      }
    } finally {
      this.#onGpu.leave();
    }
  }

  async #embed(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    const embedded = await this.#embedded(id, photo, signal);
    return embeddingAnswer(embedded, embedded);
  }

  async #embedOneOfMany(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    const prepared = await this.#started(id, signal, () => this.#photosOf().prepare(photo));
    return embeddingAnswer(prepared, await this.#ready().batch.embed(prepared.prepared, signal));
  }

  /** Prepares a photo for another worker. */
  #prepare(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const { prepared, ...reading } = await this.#photosOf().prepare(photo);
      const pixels = this.#tensorOf(prepared);
      return [{ pixels, ...reading }, [pixels.data.buffer]];
    });
  }

  async #embedPrepared({ pixels, ...reading }: WirePrepared, signal: AbortSignal): Promise<Answer> {
    const { engine, model, batch } = this.#ready();
    const prepared = guarded(engine, () => model.prepared(pixels.data));
    return embeddingAnswer(reading, await batch.embed(prepared, signal));
  }

  #tensor(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const pixels = this.#tensorOf((await this.#photosOf().prepare(photo)).prepared);
      return [pixels, [pixels.data.buffer]];
    });
  }

  /** The pixel tensor of a photo, which is let go of. */
  #tensorOf(prepared: EnginePrepared): PixelTensor {
    try {
      const { data, shape } = guarded(this.#photosOf().engine, () => prepared.tensor());
      return { data: floats(data), shape };
    } finally {
      release(prepared);
    }
  }

  async #classify(id: number, photo: ReadPhoto, labels: Float32Array, signal: AbortSignal): Promise<Answer> {
    return this.#probabilities((await this.#embedded(id, photo, signal)).embedding, labels);
  }

  #compare(id: number, embedding: Floats, labels: Float32Array, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => this.#probabilities(embedding, labels));
  }

  #probabilities(embedding: Float32Array, labels: Float32Array): Answer {
    const { engine, model } = this.#ready();
    const probabilities = floats(guarded(engine, () => model.probabilities(embedding, labels)));
    return [probabilities, [probabilities.buffer]];
  }

  #embedTexts(id: number, texts: readonly string[], signal: AbortSignal): Promise<Answer> {
    const started = () => this.#host.post({ type: "started", id });
    return this.#withTexts(async (loaded) => {
      const embeddings = await loaded.embed(texts, signal, this.#reporter(id), started);
      return [embeddings.map(floats), embeddings.map(({ buffer }) => buffer)];
    });
  }

  #embedText(id: number, text: string, signal: AbortSignal): Promise<Answer> {
    const started = () => this.#host.post({ type: "started", id });
    return this.#withTexts(async (loaded) => {
      const details = await loaded.details(text, signal, this.#reporter(id), started);
      return [details, [details.embedding.buffer]];
    });
  }

  /** Works with the texts; once more, should the GPU fail. */
  async #withTexts<T>(work: (texts: Texts) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#textsOf(this.#ready()));
    } catch (error) {
      if (!isGpuFailure(error)) throw error;
      await this.#fallBack(error);
      return work(await this.#textsOf(this.#ready()));
    }
  }

  async #toBlob(id: number, conversion: WireConversion, signal: AbortSignal): Promise<Blob> {
    const { model, loading } = this.#ready();
    return (await this.#host.seldom()).converted(loading, model, conversion, this.#reporter(id), signal);
  }

  // -------------------------------------------------------------------------------------------------- computing

  /** Works in the turn of what computes, which a GPU has been when the turn comes, or is no longer. */
  #inTurn<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    if (!this.#ready().gpu) return this.#turns.inEngine(signal, work);
    return this.#turns.onGpu(signal, () => (this.#ready().gpu ? work() : this.#turns.inEngine(signal, work)));
  }

  /** Embeds photos that are prepared, in the turn of what computes, and takes them away. One is not lost with a GPU: the engine computes it. */
  async #computePhotos(photos: EnginePrepared[], signal: AbortSignal): Promise<PassResult> {
    const { gpu } = this.#ready();
    if (!gpu) return this.#forward(() => this.#ready().model.start(photos), signal);
    try {
      const begin = this.#host.now();
      const output = await gpu.photos(photos);
      photos.forEach(release);
      return { output, forward: this.#host.now() - begin };
    } catch (error) {
      if (!isGpuFailure(error)) throw error;
      await this.#fallBack(error).catch((cause: unknown) => {
        photos.forEach(release);
        throw cause;
      });
    }
    return this.#turns.inEngine(signal, () => this.#forward(() => this.#ready().model.start(photos), signal));
  }

  /** Embeds texts of their tokens, with a model that was loaded once more meanwhile if its GPU failed: then that is what is thrown. */
  #computeTexts(model: EngineModel, ids: Uint32Array, lengths: Uint32Array, signal: AbortSignal, started?: () => void): Promise<Float32Array> {
    return this.#inTurn(signal, async () => {
      const { gpu, model: current } = this.#ready();
      if (model !== current) throw gpuFailure("lost", "The GPU failed before");
      started?.();
      if (gpu) return gpu.texts(ids, lengths);
      return (await this.#forward(() => model.startTexts(ids, lengths), signal)).output;
    });
  }

  #forward(start: () => EnginePass, signal: AbortSignal): Promise<PassResult> {
    return this.#turns.forward(this.#ready().engine, start, signal);
  }

  #photosOf(): Photos {
    if (!this.#photos) this.#ready();
    return this.#photos as Photos;
  }

  #ready(): Loaded {
    if (this.#calls.stopped) throw new ClipVisionError("worker-crashed", "The engine stopped");
    if (!this.#loaded) throw new ClipVisionError("compute", "A photo or a text came before the model");
    return this.#loaded;
  }
}

/** Sends the token to the one server that it is for: neither to where that redirects, which browsers see to, nor elsewhere. */
function withToken(fetch: Fetch, token: WireLoad["token"]): Fetch {
  if (!token) return fetch;
  return (url, { headers, ...init }) => {
    const isFor = new URL(url).origin === token.origin;
    return fetch(url, { ...init, headers: { ...headers, ...(isFor && { Authorization: `Bearer ${token.value}` }) } });
  };
}

/** The engine's glue copies what Rust answers with: each answer has a buffer of its own. */
const floats = (values: Float32Array): Floats => values as Floats;

/** The answer for a photo that was prepared and computed. */
function embeddingAnswer(prepared: Omit<Prepared, "prepared">, { embedding, forward }: Computed): Answer {
  const { decode, preprocess, decoder, width, height, noisy } = prepared;
  const timings = { decode, preprocess, forward };
  const answer: WireEmbedding = { embedding: floats(embedding), timings, decoder, width, height, ...(noisy && { noisy }) };
  return [answer, [embedding.buffer]];
}
