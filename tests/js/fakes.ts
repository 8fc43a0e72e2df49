/** Stand-ins for the engine: a loader, a model, and what holds them; and how Rust throws. */

import { createHash } from "node:crypto";
import type {
  Engine,
  EngineLoader,
  EngineLoaderOptions,
  EngineModel,
  EnginePass,
  EnginePhoto,
  EnginePrepared,
} from "../../web/worker/engine.ts";

export const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content);

/** What Rust throws. */
export const rustError = (code: string, message: string): Error =>
  Object.assign(new Error(message), { name: "ClipVisionError", code });

/** What wasm-bindgen gives each of its classes. */
class Freed {
  free(): void {}
  [Symbol.dispose](): void {
    this.free();
  }
}

/** The beginning of a recorded file. */
const HEADER = "RECORDED";
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0);

/**
 * Takes a file from its beginning to its end, or to a piece that ends with a full stop, and records it as it is, behind a
 * header. Of an index it wants every file.
 */
export class FakeLoader extends Freed implements EngineLoader {
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
    try {
      this.#files = Object.values((JSON.parse(new TextDecoder().decode(json)) as { weight_map: Record<string, string> }).weight_map);
    } catch {
      throw rustError("config", "no index");
    }
  }
  /** The ONNX files of a test. */
  static onnxFiles: string[] = [];
  onnxFiles(): string[] {
    return FakeLoader.onnxFiles;
  }
  setOnnxFiles(names: string): void {
    this.#files = names.split("\n");
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
  /** As many bytes of each file after this one as of this one. */
  leftAfter(): number | undefined {
    return Number.isFinite(this.#size) ? this.#size * (this.#files.length - 1) : undefined;
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
  /** Bytes above which the table is left in its file, where that was asked for. */
  over: number | undefined;
  leaveTableOver(bytes: number): void {
    this.over = bytes;
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
  shape(): string {
    return "a shape";
  }
  probe(): undefined {
    return undefined;
  }
  takeMatrices(): ReturnType<EngineLoader["takeMatrices"]> {
    return [];
  }
  finish(): EngineModel {
    throw rustError("invalid-argument", "this loader reads the text tower");
  }
  finishRecording(): ReturnType<EngineLoader["finishRecording"]> {
    return this.recorded && Object.assign(new Freed(), { header: text(HEADER), checksum: sum(text(HEADER)) + this.#data });
  }
  override free(): void {
    this.freed += 1;
  }
}

export class FakePrepared extends Freed implements EnginePrepared {
  readonly bytes: Uint8Array | Uint8ClampedArray;
  readonly #model: FakeModel;
  readonly #photo: EnginePhoto;

  constructor(model: FakeModel, photo: EnginePhoto, bytes: Uint8Array | Uint8ClampedArray) {
    super();
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

  override free(): void {
    this.#model.held -= 1;
  }
}

/**
 * A model that embeds a file as [its first byte, its length], pixels as [their first value, their number], and a text as
 * [its first token, its number of tokens].
 */
export class FakeModel extends Freed implements EngineModel {
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
    return Object.assign(new Freed(), {
      step: () => {
        this.onStep?.();
        this.steps += 1;
        return (left -= 1) < 0 ? Float32Array.from(embeddings) : undefined;
      },
      free: () => void (this.held -= 1),
    });
  }

  info(): ReturnType<EngineModel["info"]> {
    const { batch, defaultPreprocessing } = this;
    return { task: "photos and texts", dimension: 2, imageSize: 8, scores: "softmax", precision: "f32", simd: "simd128", threads: 3, modelBytes: 99, batch, defaultPreprocessing };
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
    const left = (loader as FakeLoader).over === 0;
    return { maxTokens: 4, ...(carried && { tokenizer: text("{carried}") }), ...(left && { rowsFile: "model.safetensors" }) };
  }

  /** Rows of one byte, that of a token at the token's place. */
  readonly rows = new Map<number, number>();

  wantedRows(ids: Uint32Array): Float64Array {
    const wanted = [...new Set(ids)].filter((id) => !this.rows.has(id)).sort((a, b) => a - b);
    return Float64Array.from(wanted.flatMap((id) => [id, id + 1]));
  }

  addRows(at: number, bytes: Uint8Array): void {
    bytes.forEach((byte, index) => this.rows.set(at + index, byte));
  }

  startTexts(ids: Uint32Array, lengths: Uint32Array): EnginePass {
    if (!this.texts) throw rustError("invalid-argument", "no text tower");
    this.batches.push(lengths.length);
    let at = 0;
    return this.#pass([...lengths].flatMap((length) => [ids[(at += length) - length]!, length]));
  }

  settings(): ReturnType<EngineModel["settings"]> {
    return { config: text("{}") };
  }

  /** A photo of as many bytes as the tensor has values. */
  prepared(data: Float32Array): FakePrepared {
    this.held += 1;
    return new FakePrepared(this, { kind: "encoded", bytes: Uint8Array.from(data) }, Uint8Array.from(data));
  }

  // What a GPU would compute: the tests have their own in its place (gpu.test.ts).
  readonly photoPlan = noGpu;
  readonly photoInput = noGpu;
  readonly photoOutput = noGpu;
  readonly textPlan = noGpu;
  readonly textInput = noGpu;
  readonly textOutput = noGpu;

  /** Not a probability: the sum of both first values. */
  probabilities(embedding: Float32Array, labels: Float32Array): Float32Array {
    return labels.filter((_, index) => index % 2 === 0).map((label) => label + embedding[0]!);
  }
}

const noGpu = (): never => {
  throw new Error("fakes have no GPU");
};

export class FakeEngine implements Engine {
  readonly bytes = 3;
  panic: string | undefined;
  options: EngineLoaderOptions | undefined;
  readonly pushed: Uint8Array[] = [];
  readonly loaders: FakeLoader[] = [];
  readonly conversions: (string | boolean)[][] = [];
  readonly model = new FakeModel();

  readonly ModelLoader: Engine["ModelLoader"];

  constructor() {
    const engine = this;
    this.ModelLoader = class extends FakeLoader {
      constructor(options: EngineLoaderOptions) {
        super();
        if (new TextDecoder().decode(options.config) === "bad") throw rustError("config", "not CLIP");
        engine.options = options;
        engine.loaders.push(this);
      }
      static forConversion(options: EngineLoaderOptions, precision: string, visionOnly: boolean, source: string, names: string[]): FakeLoader {
        const loader = new this(options);
        loader.record();
        engine.conversions.push([precision, visionOnly, source, ...names]);
        return loader;
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

  /** Prepares photos as the model does. */
  readonly Preparer: Engine["Preparer"] = ((engine: FakeEngine) =>
    class extends Freed {
      imageSize(): number {
        return 8;
      }
      prepare(photo: EnginePhoto): FakePrepared {
        return engine.model.prepare(photo);
      }
    })(this);

  readonly Sha256: Engine["Sha256"] = class extends Freed {
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
