/**
 * The engine: what the dispatcher needs of the wasm module, started and with its failures told apart.
 *
 * The interfaces describe the wasm-bindgen glue structurally, so that tests run the dispatcher with an engine of their
 * own. A failure of the engine is one of two things: an error that Rust returned (it has a code; the engine goes on), or
 * a trap, after which the instance's memory cannot be trusted and the worker has to go.
 */

import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import { answerOf, checkStatus, type Fetch } from "../shared/files.js";
import { forbiddenBy } from "../shared/web_assembly.js";
import type { Glue } from "../wasm/index.js";
import type { Flavor, ThreadsFlavor } from "./flavor.js";

/** The glue's classes, whose types Rust writes (`crates/wasm`): the shapes of what crosses are taken from there. */
type Loader = InstanceType<Glue["ModelLoader"]>;
type Model = ReturnType<Loader["finish"]>;
type Prepared = ReturnType<Model["prepare"]>;

/** A photo in the form that Rust takes. */
export type EnginePhoto = Parameters<Model["prepare"]>[0];

/** What a loader is made with. */
export type EngineLoaderOptions = ConstructorParameters<Glue["ModelLoader"]>[0];

/** A photo as the model sees it, in wasm memory: freed by its owner, or taken away by {@link EngineModel.start}. */
export interface EnginePrepared {
  /** How it was read; milliseconds of decoding and preprocessing. */
  reading(): ReturnType<Prepared["reading"]>;
  tensor(): ReturnType<Prepared["tensor"]>;
  free(): void;
}

/** A forward pass under way. */
export interface EnginePass {
  /** Computes the next layer; the photos' or texts' embeddings, one after the other, once there is none. */
  step(): Float32Array | undefined;
  free(): void;
}

/** A loaded model, in wasm memory. */
export interface EngineModel {
  /** Decodes and preprocesses a photo. */
  prepare(photo: EnginePhoto): EnginePrepared;
  /** Begins a forward pass over photos. */
  start(photos: EnginePrepared[]): EnginePass;
  info(): ReturnType<Model["info"]>;
  /** Begins to read the text half. */
  textLoader(): EngineLoader;
  /** Takes the text half in, and the loader away. */
  setText(loader: EngineLoader): ReturnType<Model["setText"]>;
  /** Begins a forward pass over texts, of their token ids one after the other and how many each has. */
  startTexts(ids: Uint32Array, lengths: Uint32Array): EnginePass;
  /** The probability of each label, of the photo's embedding and the labels' one after the other. */
  probabilities(embedding: Float32Array, labels: Float32Array): Float32Array;
  free(): void;
}

/**
 * Takes the weights of a model, or of its text half, as they arrive, range by range, so that there is never a second copy of
 * them; and may record them.
 */
export interface EngineLoader {
  /** Says that the weights are in several files, with their index. */
  setIndex(json: Uint8Array): void;
  /** The name of the file whose pieces come next. */
  file(): string;
  /** Where the bytes to read next begin and end; `undefined` once there are enough of the file. */
  wanted(): Float64Array | undefined;
  /** Bytes of the file that are still wanted, once that is known. */
  left(): number | undefined;
  setSize(bytes: number): void;
  push(offset: number, piece: Uint8Array): void;
  /** Goes on to the next file; `false` if there is none. */
  nextFile(): boolean;
  /** Computes the CRC-32 of what comes. */
  keepChecksum(): void;
  checksum(): number | undefined;
  /** Where in the recorded file the recorded data begins, once that is known. */
  recordedStart(): number | undefined;
  /** What has been recorded since the last call. */
  takeRecorded(): Uint8Array;
  /** The beginning of the recorded file, which comes last, and the file's CRC-32. */
  finishRecording(): { header: Uint8Array; checksum: number } | undefined;
  /** Records what is loaded, and with it the tokenizer's files: their names and contents. */
  record(source: string, names: string[], contents: Uint8Array[]): void;
  /** The model; of a text half {@link EngineModel.setText} takes the loader. */
  finish(): EngineModel;
  free(): void;
}

/** Computes a sha256. */
export interface EngineSha256 {
  update(piece: Uint8Array): void;
  /** In hexadecimal digits; frees it. */
  finish(): string;
}

/** The engine, ready to load a model. */
export interface Engine {
  ModelLoader: new (options: EngineLoaderOptions) => EngineLoader;
  Sha256: new () => EngineSha256;
  /** What Rust said when it panicked, if it did. */
  panicMessage(): string | undefined;
  /** Its memory, in bytes: what it has, and what it asked for in vain when it last did; 0 if it never did. */
  memory(): { held: number; refused: number };
}

/** The name under which Rust's panic hook looks for a listener. */
const PANIC_LISTENER = "__clipVisionPanic";

/**
 * Downloads and instantiates the wasm file. The global listener for panics is set once, before any Rust runs.
 *
 * @param startThreads starts its threads, for a build that has them
 */
export async function startEngine(
  flavor: Flavor,
  url: string,
  fetch: Fetch,
  signal: AbortSignal,
  startThreads?: (flavor: ThreadsFlavor, module: WebAssembly.Module) => Promise<void>,
): Promise<Engine> {
  let panic: string | undefined;
  Object.assign(globalThis, { [PANIC_LISTENER]: (message: string) => void (panic ??= message) });
  const response = await answerOf("the wasm file", url, () => fetch(url, { signal }), signal);
  checkStatus(response, url);
  let memory: WebAssembly.Memory;
  try {
    if (flavor.memory) {
      const module = await compile(response);
      await flavor.glue.default({ module_or_path: module, memory: flavor.memory });
      await startThreads?.(flavor, module);
      memory = flavor.memory;
    } else {
      ({ memory } = await flavor.glue.default({ module_or_path: response }));
    }
  } catch (cause) {
    throw startFailure(cause, url);
  }
  const { ModelLoader, Sha256, refusedBytes } = flavor.glue;
  return {
    ModelLoader,
    Sha256,
    panicMessage: () => panic,
    memory: () => ({ held: memory.buffer.byteLength, refused: refusedBytes() }),
  };
}

/** Compiles a module that is to be sent to threads, while it streams in if its type allows that. */
async function compile(response: Response): Promise<WebAssembly.Module> {
  const streams = response.headers.get("content-type") === "application/wasm";
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

function startFailure(cause: unknown, url: string): ClipVisionError {
  const text = messageOf(cause);
  const forbidden = forbiddenBy("The engine", cause);
  if (forbidden) return forbidden;
  if (cause instanceof RangeError || /memory/i.test(text)) {
    return new ClipVisionError("out-of-memory", "There is not enough memory to start the engine", { cause });
  }
  return new ClipVisionError("fetch", `What ${url} holds is not this package's wasm file: ${text}`, { cause });
}

/** The engine is gone: the error to report, and nothing in this worker can be used any more. */
export class EngineCrash extends Error {
  override readonly cause: ClipVisionError;

  constructor(cause: ClipVisionError) {
    super(cause.message);
    this.name = "EngineCrash";
    this.cause = cause;
  }
}

/** Runs a piece of Rust: errors with a code pass through, a trap becomes an {@link EngineCrash}. */
export function guarded<T>(engine: Engine, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (isCoded(thrown)) throw thrown;
    throw new EngineCrash(crashError(engine, thrown));
  }
}

/** Lets go of something in wasm memory, which after a crash is gone anyway. */
export function release(owner: { free(): void }): void {
  try {
    owner.free();
  } catch {
    // whoever met the crash has reported it
  }
}

function crashError(engine: Engine, cause: unknown): ClipVisionError {
  const panic = engine.panicMessage();
  if (panic !== undefined) return new ClipVisionError("worker-crashed", `The engine panicked: ${panic}`, { cause });
  // Rust aborts without a panic in one case only: memory that could not be had.
  const text = messageOf(cause);
  if (cause instanceof WebAssembly.RuntimeError && /unreachable/i.test(text)) {
    return new ClipVisionError("out-of-memory", outOfMemory(engine.memory()), { cause });
  }
  return new ClipVisionError("worker-crashed", `The engine stopped: ${text}`, { cause });
}

function outOfMemory({ held, refused }: { held: number; refused: number }): string {
  const MB = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const wanted = refused > 0 ? `could not get ${MB(refused)} more` : "could not get more memory";
  // Gigabytes, roughly, where the browser says so.
  const { deviceMemory } = (globalThis.navigator ?? {}) as { deviceMemory?: number };
  const device = deviceMemory === undefined ? "" : `, on a device of about ${deviceMemory} GB`;
  const advice = 'smaller photos, precision "int8", or fewer models at a time need less';
  return `The engine ${wanted}, beside the ${MB(held)} that it has${device}: ${advice}`;
}
