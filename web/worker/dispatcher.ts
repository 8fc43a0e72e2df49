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
import type {
  CallName,
  CallRequest,
  Calls,
  Floats,
  FetchPurpose,
  PageCalls,
  LoadedModel,
  Response,
  ServiceRequest,
  WireConversion,
  WireEmbedding,
  WireLoad,
  WirePhoto,
} from "../shared/protocol.js";
import { redacted } from "../shared/redact.js";
import { RpcClient } from "../shared/rpc_client.js";
import { RpcServer, type Moved } from "../shared/rpc_server.js";
import { Batch, type Computed } from "./batch.js";
import { EngineCrash, guarded, release, type Engine, type EngineModel, type EnginePass } from "./engine.js";
import type { Report } from "./feed.js";
import { ModelLoading, type LoadHost } from "./loading.js";
import { pageDecoders, pageFetch } from "./page.js";
import { overallProgress } from "./progress.js";
import { Photos, type ForeignPhoto, type PhotoHost, type Prepared, type ReadPhoto } from "./photos.js";
import { Semaphore } from "./semaphore.js";
import { Texts, type CreateTokenizer } from "./texts.js";

/** What the dispatcher needs of the world around it. */
export interface Host extends PhotoHost {
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
  /** Gets what makes a tokenizer of its files. */
  tokenizers(): Promise<CreateTokenizer>;
  /** Resolves after the messages that have arrived by now have been handled. */
  nextTurn(): Promise<void>;
}

/**
 * Photos that are read or held in memory before their turn: two batches; more would only cost memory. As many again of those
 * that the application decodes, which are counted apart: its decoder may take any time, and nothing else waits for that.
 */
const READ_AHEAD = 8;
const DEFAULT_PREPROCESSING =
  "The model has neither preprocessor_config.json nor a processor_config.json that says how its photos are prepared: CLIP's " +
  "own preprocessing is used (shortest edge to the model's size by bicubic, the middle square, CLIP's mean and deviation)";
/** Milliseconds of computing after which the worker listens, once the layer is done; listening takes a hundredth of that. */
const LISTEN_EVERY = 4;

/** A model, and who computes with it. */
interface Loaded {
  engine: Engine;
  model: EngineModel;
  loading: ModelLoading;
  photos: Photos;
  batch: Batch;
  texts: Texts;
}

/** An answer, and the buffers that move with it. */
type Answer = Moved<Calls[CallName]["result"]>;

/** Answers requests; made once in a worker, for one model. */
export class Dispatcher {
  readonly #host: Host;
  readonly #calls: RpcServer<Calls>;
  readonly #page: RpcClient<PageCalls>;
  readonly #readAhead = new Semaphore(READ_AHEAD);
  readonly #foreignAhead = new Semaphore(READ_AHEAD);
  readonly #turn = new Semaphore(1);
  #loaded: Loaded | undefined;

  constructor(host: Host) {
    this.#host = host;
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
      case "toBlob":
        return [await this.#toBlob(request.id, request.argument, signal), []];
      case "classify": {
        const { argument, id } = request;
        const labels = () => this.#ready().texts.labels(argument.prompts, signal, this.#reporter(id));
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
      await this.#readAhead.enter(signal);
      try {
        const read = await this.#ready().photos.read(photo, signal);
        if (read.kind !== "foreign") return await work(read, prepared);
        foreign = read;
      } finally {
        this.#readAhead.leave();
      }
      await this.#foreignAhead.enter(signal);
      try {
        return await work(await this.#ready().photos.byApplication(foreign, signal), prepared);
      } finally {
        this.#foreignAhead.leave();
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
    const fetchFor = (purpose: FetchPurpose) => (load.fetchOnPage ? pageFetch(this.#page, purpose) : this.#host.fetch);
    const loadHost: LoadHost = {
      ...this.#host.loading,
      fetch: withToken(fetchFor("model"), load.token),
      startEngine: (wasmUrl, stopped) => this.#host.startEngine(wasmUrl, load.threads, this.#host.fetch, stopped),
      warn: (warning) => this.#host.post({ type: "warning", warning: { ...warning, message: redacted(warning.message) } }),
    };
    const loading = new ModelLoading(loadHost, load);
    const report = this.#reporter(id);
    const { engine, model } = await loading.vision(report, signal);
    const texts = new Texts({
      model,
      load: (report, stopped) => loading.text(engine, model, report, stopped),
      tokenizers: () => this.#host.tokenizers(),
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
    const { maxBytes, maxPixels, decodeOnPage } = load;
    const application = pageDecoders(this.#page, decodeOnPage);
    const network = { ...this.#host.loading, fetch: fetchFor("photo") };
    const photos = new Photos({ host: this.#host, network, engine, model, maxBytes, maxPixels, application, warn: loadHost.warn });
    this.#loaded = { engine, model, loading, photos, batch, texts };
    // There is nothing else to it.
    if (info.task === "texts") await texts.ready(signal, report);
    return {
      task: info.task,
      dimension: info.dimension,
      imageSize: info.imageSize,
      scores: info.scores ?? null,
      precision: info.precision as LoadedModel["precision"],
      weights: loading.weights,
      simd: info.simd,
      threads: info.threads,
      bytes: info.modelBytes,
      batch: info.batch,
    };
  }

  #reporter(id: number): Report {
    return overallProgress(this.#host.now, (progress) => this.#host.post({ type: "progress", id, progress }));
  }

  // --------------------------------------------------------------------------------------------------- the photos

  #embed(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const prepared = await this.#ready().photos.prepare(photo);
      const { output, forward } = await this.#forward(() => this.#ready().model.start([prepared.prepared]), signal);
      return embeddingAnswer(prepared, { embedding: output, forward });
    });
  }

  async #embedOneOfMany(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    const prepared = await this.#started(id, signal, () => this.#ready().photos.prepare(photo));
    return embeddingAnswer(prepared, await this.#ready().batch.embed(prepared.prepared, signal));
  }

  #tensor(id: number, photo: ReadPhoto, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const { prepared } = await this.#ready().photos.prepare(photo);
      try {
        const { data, shape } = guarded(this.#ready().engine, () => prepared.tensor());
        return [{ data: floats(data), shape }, [data.buffer]];
      } finally {
        release(prepared);
      }
    });
  }

  #classify(id: number, photo: ReadPhoto, labels: Float32Array, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => {
      const { prepared } = await this.#ready().photos.prepare(photo);
      const { output } = await this.#forward(() => this.#ready().model.start([prepared]), signal);
      return this.#probabilities(output, labels);
    });
  }

  #compare(id: number, embedding: Floats, labels: Float32Array, signal: AbortSignal): Promise<Answer> {
    return this.#started(id, signal, async () => this.#probabilities(embedding, labels));
  }

  #probabilities(embedding: Float32Array, labels: Float32Array): Answer {
    const { engine, model } = this.#ready();
    const probabilities = floats(guarded(engine, () => model.probabilities(embedding, labels)));
    return [probabilities, [probabilities.buffer]];
  }

  async #embedTexts(id: number, texts: readonly string[], signal: AbortSignal): Promise<Answer> {
    const started = () => this.#host.post({ type: "started", id });
    const embeddings = await this.#ready().texts.embed(texts, signal, this.#reporter(id), started);
    return [embeddings.map(floats), embeddings.map(({ buffer }) => buffer)];
  }

  async #embedText(id: number, text: string, signal: AbortSignal): Promise<Answer> {
    const started = () => this.#host.post({ type: "started", id });
    const details = await this.#ready().texts.details(text, signal, this.#reporter(id), started);
    return [details, [details.embedding.buffer]];
  }

  #toBlob(id: number, conversion: WireConversion, signal: AbortSignal): Promise<Blob> {
    const { engine, model, loading } = this.#ready();
    return loading.convert(engine, model, conversion, this.#reporter(id), signal);
  }

  /** Computes a pass, and handles messages between the layers: a call that is canceled ends it there. */
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
function embeddingAnswer(prepared: Prepared, { embedding, forward }: Computed): Answer {
  const { decode, preprocess, decoder, width, height, noisy } = prepared;
  const timings = { decode, preprocess, forward };
  const answer: WireEmbedding = { embedding: floats(embedding), timings, decoder, width, height, ...(noisy && { noisy }) };
  return [answer, [embedding.buffer]];
}
