/** Stand-ins for what the TypeScript half works with: an engine, its host, a store, a worker. */

import { createHash } from "node:crypto";
import { Dispatcher, type Host } from "../../web/worker/dispatcher.ts";
import type {
  Engine,
  EngineLoader,
  EngineLoaderOptions,
  EngineModel,
  EnginePass,
  EnginePhoto,
  EnginePrepared,
} from "../../web/worker/engine.ts";
import { ClipVisionError } from "../../web/shared/errors.ts";
import type { Store, Writer } from "../../web/shared/store.ts";
import type { WorkerLike } from "../../web/shared/worker_like.ts";
import type { Request, Response as Message, WireLoad } from "../../web/shared/protocol.ts";

export const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content);

/** What Rust throws. */
export const rustError = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: "ClipVisionError", code });

/** The beginning of a recorded file. */
const HEADER = "RECORDED";
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0);

/**
 * Takes a file from its beginning to its end, or to a piece that ends with a full stop, and records it as it is, behind a
 * header. Of content that begins with `index:` it wants the files whose names follow.
 */
export class FakeLoader implements EngineLoader {
  readonly pushed: string[] = [];
  freed = 0;
  recorded: Uint8Array[] | undefined;
  #files = ["model.safetensors"];
  #position = 0;
  #size = Infinity;
  #full = false;
  #checksum = 0;
  #data = 0;

  setIndex(json: Uint8Array): void {
    this.#files = new TextDecoder().decode(json).split(" ");
  }
  file(): string {
    return this.#files[0]!;
  }
  wanted(): Float64Array | undefined {
    if (this.#full || this.#position >= this.#size) return undefined;
    return Float64Array.of(this.#position, Math.min(this.#size, this.#position + 1000));
  }
  left(): number | undefined {
    return Number.isFinite(this.#size) ? this.#size - this.#position : undefined;
  }
  setSize(bytes: number): void {
    this.#size = bytes;
  }
  push(offset: number, piece: Uint8Array): void {
    if (offset !== this.#position) throw rustError("invalid-argument", `a piece at ${offset}, not ${this.#position}`);
    const content = new TextDecoder().decode(piece);
    if (content === "bad") throw rustError("weights", "no safetensors");
    if (content === "panic") throw new WebAssembly.RuntimeError("unreachable");
    this.pushed.push(content);
    this.#full = content.endsWith(".");
    this.#position += piece.byteLength;
    this.#checksum += sum(piece);
    this.recorded?.push(piece.slice());
  }
  nextFile(): boolean {
    if (!this.#full && this.#position < this.#size) throw rustError("weights", "cut short");
    this.#files.shift();
    [this.#position, this.#size, this.#full] = [0, Infinity, false];
    return this.#files.length > 0;
  }
  keepChecksum(): void {}
  checksum(): number {
    return this.#checksum;
  }
  recordedStart(): number | undefined {
    return this.recorded && HEADER.length;
  }
  takeRecorded(): Uint8Array {
    const pieces = this.recorded?.splice(0) ?? [];
    pieces.forEach((piece) => (this.#data += sum(piece)));
    return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  }
  record(): void {
    this.recorded = [];
  }
  finish(): EngineModel {
    throw rustError("invalid-argument", "this loader reads the text tower");
  }
  finishRecording(): { header: Uint8Array; checksum: number } | undefined {
    return this.recorded && { header: text(HEADER), checksum: sum(text(HEADER)) + this.#data };
  }
  free(): void {
    this.freed += 1;
  }
}

export class FakePrepared implements EnginePrepared {
  readonly bytes: Uint8Array | Uint8ClampedArray;
  readonly #model: FakeModel;
  readonly #photo: EnginePhoto;

  constructor(model: FakeModel, photo: EnginePhoto, bytes: Uint8Array | Uint8ClampedArray) {
    this.bytes = bytes;
    this.#model = model;
    this.#photo = photo;
  }

  reading(): ReturnType<EnginePrepared["reading"]> {
    const decoder = this.#photo.kind === "encoded" ? "rust" : "raw";
    return { decoder, width: 4, height: 5, decode: 1, preprocess: 2 };
  }

  tensor(): ReturnType<EnginePrepared["tensor"]> {
    return { data: Float32Array.from(this.bytes), shape: [3, 1, 1] };
  }

  free(): void {
    this.#model.held -= 1;
  }
}

/**
 * A model that embeds a file as [its first byte, its length], pixels as [their first value, their number], and a text as
 * [its first token, its number of tokens].
 */
export class FakeModel implements EngineModel {
  readonly seen: EnginePhoto[] = [];
  /** Photos that are worth computing together. */
  batch = 1;
  /** Photos of each forward pass. */
  readonly passes: number[] = [];
  /** Layers of a forward pass. */
  layers = 2;
  /** Layers that were computed, of all passes. */
  steps = 0;
  /** Photos and passes that are in memory. */
  held = 0;
  /** Called before each layer. */
  onStep: (() => void) | undefined;
  defaultPreprocessing = false;
  readonly textLoaders: FakeLoader[] = [];
  /** How many texts each forward pass had. */
  readonly batches: number[] = [];
  texts: EngineLoader | undefined;

  #bytes(photo: EnginePhoto): Uint8Array | Uint8ClampedArray {
    this.seen.push(photo);
    const bytes = photo.kind === "encoded" ? photo.bytes : photo.data;
    const content = new TextDecoder().decode(bytes);
    if (content === "panic") throw new WebAssembly.RuntimeError("unreachable");
    if (content === "broken" || content === "avif, cut") throw rustError("decode", "cut short");
    if (content.startsWith("avif") || content === "junk") throw rustError("unsupported-format", "no format that is known");
    return bytes;
  }

  prepare(photo: EnginePhoto): FakePrepared {
    const bytes = this.#bytes(photo);
    this.held += 1;
    return new FakePrepared(this, photo, bytes);
  }

  start(photos: EnginePrepared[]): EnginePass {
    this.passes.push(photos.length);
    const embeddings = photos.flatMap((photo) => {
      const { bytes } = photo as FakePrepared;
      photo.free();
      return [bytes[0] ?? -1, bytes.length];
    });
    return this.#pass(embeddings);
  }

  #pass(embeddings: number[]): EnginePass {
    let left = this.layers;
    this.held += 1;
    return {
      step: () => {
        this.onStep?.();
        this.steps += 1;
        return (left -= 1) < 0 ? Float32Array.from(embeddings) : undefined;
      },
      free: () => void (this.held -= 1),
    };
  }

  info(): ReturnType<EngineModel["info"]> {
    const { batch, defaultPreprocessing } = this;
    return { dimension: 2, imageSize: 8, precision: "f32", simd: "simd128", threads: 3, modelBytes: 99, batch, defaultPreprocessing };
  }

  textLoader(): FakeLoader {
    const loader = new FakeLoader();
    this.textLoaders.push(loader);
    return loader;
  }

  /** What is read of recorded weights has a tokenizer in it. */
  setText(loader: EngineLoader): ReturnType<EngineModel["setText"]> {
    this.texts = loader;
    const carried = (loader as FakeLoader).pushed[0]?.startsWith(HEADER);
    return { maxTokens: 4, ...(carried && { tokenizer: text("{carried}") }) };
  }

  startTexts(ids: Uint32Array, lengths: Uint32Array): EnginePass {
    if (!this.texts) throw rustError("invalid-argument", "no text tower");
    this.batches.push(lengths.length);
    let at = 0;
    return this.#pass([...lengths].flatMap((length) => [ids[(at += length) - length]!, length]));
  }

  /** Not a probability: the sum of both first values. */
  probabilities(embedding: Float32Array, labels: Float32Array): Float32Array {
    return labels.filter((_, index) => index % 2 === 0).map((label) => label + embedding[0]!);
  }

  free(): void {}
}

export class FakeEngine implements Engine {
  panic: string | undefined;
  options: EngineLoaderOptions | undefined;
  readonly pushed: Uint8Array[] = [];
  readonly loaders: FakeLoader[] = [];
  readonly model = new FakeModel();

  readonly ModelLoader: Engine["ModelLoader"];

  constructor() {
    const engine = this; // eslint-disable-line @typescript-eslint/no-this-alias
    this.ModelLoader = class extends FakeLoader {
      constructor(options: EngineLoaderOptions) {
        super();
        if (new TextDecoder().decode(options.config) === "bad") throw rustError("config", "not CLIP");
        engine.options = options;
        engine.loaders.push(this);
      }
      override push(offset: number, piece: Uint8Array): void {
        super.push(offset, piece);
        engine.pushed.push(piece.slice());
      }
      override finish(): EngineModel {
        return engine.model;
      }
    };
  }

  readonly Sha256: Engine["Sha256"] = class {
    readonly #hash = createHash("sha256");
    update(piece: Uint8Array): void {
      this.#hash.update(piece);
    }
    finish(): string {
      return this.#hash.digest("hex");
    }
  };

  panicMessage(): string | undefined {
    return this.panic;
  }

  memory(): { held: number; refused: number } {
    return { held: 64e6, refused: 2_500_001 };
  }
}

/** A store in memory. */
export class MemoryStore implements Store {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Bytes after which there is no more room. */
  room = Infinity;
  /** Bytes that are read in place of a file's. */
  readonly read = async (name: string): Promise<Blob | undefined> => {
    const bytes = this.files.get(name);
    return bytes && new Blob([bytes]);
  };
  async create(name: string): Promise<Writer> {
    let bytes = new Uint8Array();
    this.files.set(name, bytes);
    return {
      write: (at, piece) => {
        const grown = new Uint8Array(Math.max(bytes.byteLength, at + piece.byteLength));
        grown.set(bytes);
        grown.set(piece, at);
        bytes = grown;
        if ((this.room -= piece.byteLength) < 0) throw new DOMException("full", "QuotaExceededError");
        this.files.set(name, bytes);
      },
      close: async () => undefined,
      discard: async () => void this.files.delete(name),
    };
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }
  async modified(): Promise<number> {
    return Date.now();
  }
}

export interface Served {
  status?: number;
  body?: string | ReadableStream<Uint8Array> | (() => ReadableStream<Uint8Array>);
  headers?: Record<string, string>;
}

/** A dispatcher with fakes around it, and what it has posted. */
export function dispatcherWith(served: Record<string, Served> = {}, override: Partial<Host> = {}) {
  const engine = new FakeEngine();
  const posted: Message[] = [];
  const transferred: Transferable[][] = [];
  const fetched: string[] = [];
  const waiters: (() => void)[] = [];
  const host: Host = {
    post: (message, transfer = []) => {
      posted.push(message);
      transferred.push(transfer);
      for (const waiter of waiters.splice(0)) waiter();
    },
    startEngine: async () => engine,
    fetch: async (url, { signal }) => {
      fetched.push(url);
      signal.throwIfAborted();
      const { status = 200, body = "", headers = {} } = served[url] ?? { status: 404 };
      return new Response(typeof body === "function" ? body() : body, { status, headers });
    },
    loading: {
      sleep: async () => undefined,
      origin: "https://models.test",
      openStore: async () => {
        throw new DOMException("private", "SecurityError");
      },
      lock: (_, __, work) => work(),
    },
    readPixels: async () => ({ pixels: { kind: "pixels", data: Uint8Array.of(7, 7, 7, 255), width: 1, height: 1, channels: 4 }, noisy: false }),
    decodeInBrowser: async (bytes, _, edge = 1000) => {
      if (!new TextDecoder().decode(bytes).startsWith("avif")) return undefined;
      const [width, height] = [Math.min(40, edge), 1];
      const data = new Uint8Array(4 * width).fill(9);
      return { pixels: { kind: "pixels", data, width, height, channels: 4 }, noisy: false, width: 40, height: 30 };
    },
    createTokenizer: (files) => {
      const content = new TextDecoder().decode("json" in files ? files.json : files.vocab);
      if (content === "bad") throw new ClipVisionError("config", "no tokenizer");
      return { ids: (given, longest) => Uint32Array.from([...given].slice(0, longest), (letter) => letter.codePointAt(0)!) };
    },
    nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
    now: () => performance.now(),
    ...override,
  };
  const dispatcher = new Dispatcher(host);
  /** The message that settles call `id`. */
  const settled = async (id: number): Promise<Message> => {
    for (;;) {
      const message = posted.find((one) => ["done", "failed", "crashed"].includes(one.type) && "id" in one && one.id === id);
      if (message) return message;
      await new Promise<void>((resolve) => waiters.push(resolve));
    }
  };
  const call = (request: Extract<Request, { id: number }>): Promise<Message> => {
    dispatcher.handle(request);
    return settled(request.id);
  };
  return { dispatcher, engine, posted, transferred, fetched, call, settled };
}

const folder = "https://models.test/m";

/** A served model, and the load that asks for it. */
export const MODEL: Record<string, Served> = {
  [`${folder}/config.json`]: { body: "{}" },
  [`${folder}/preprocessor_config.json`]: { body: "{pre}" },
  [`${folder}/model.safetensors`]: { body: "weights", headers: { "content-length": "7" } },
};

export const load = (more: Partial<WireLoad> = {}): WireLoad => ({
  model: {
    config: { url: `${folder}/config.json` },
    preprocessor: { url: `${folder}/preprocessor_config.json`, optional: true },
    weights: { url: `${folder}/model.safetensors` },
    tokenizer: { url: `${folder}/tokenizer.json`, optional: true },
    vocab: { url: `${folder}/vocab.json`, optional: true },
    merges: { url: `${folder}/merges.txt`, optional: true },
  },
  name: "m",
  cache: "off",
  fetchOnPage: false,
  ...more,
});

/** A worker that does what a test tells it to. */
export class FakeWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  onerror: WorkerLike["onerror"] = null;
  terminated = false;
  readonly received: Request[] = [];
  /** Called for each message; answers with `this.send`. */
  script: (message: Request, worker: FakeWorker) => void;

  constructor(script: FakeWorker["script"]) {
    this.script = script;
  }

  postMessage(message: Request, transfer: Transferable[]): void {
    const cloned = structuredClone(message, { transfer: transfer as never });
    this.received.push(cloned);
    queueMicrotask(() => !this.terminated && this.script(cloned, this));
  }

  send(message: Message, transfer: Transferable[] = []): void {
    this.onmessage?.({ data: structuredClone(message, { transfer: transfer as never }) } as MessageEvent);
  }

  terminate(): void {
    this.terminated = true;
  }
}

export const LOADED = { dimension: 2, imageSize: 8, precision: "f32", simd: "simd128", threads: 1, bytes: 9, batch: 1 } as const;
