/**
 * The engine: what the dispatcher needs of the wasm module, started and with its failures told apart.
 *
 * Its classes are those that wasm-bindgen writes of `crates/wasm`; TypeScript compares their shapes alone, so that tests run
 * the dispatcher with classes of their own. A failure of the engine is one of two things: an error that Rust returned (it
 * has a code; the engine goes on), or a trap, after which the instance's memory cannot be trusted and the worker has to go.
 */

import { ClipVisionError, isCoded, messageOf } from "../shared/errors.js";
import { answerOf, checkStatus, shortUrl, type Fetch } from "../shared/files.js";
import { forbiddenBy } from "../shared/web_assembly.js";
import type { Glue } from "../wasm/index.js";
import type { Flavor, ThreadsFlavor } from "./flavor.js";

/** Takes the weights of a model, or of its text tower, as they arrive, range by range; and may record them. */
export type EngineLoader = InstanceType<Glue["ModelLoader"]>;

/** What a loader is made with. */
export type EngineLoaderOptions = ConstructorParameters<Glue["ModelLoader"]>[0];

/** A loaded model, in wasm memory. */
export type EngineModel = ReturnType<EngineLoader["finish"]>;

/** A photo in the form that Rust takes. */
export type EnginePhoto = Parameters<EngineModel["prepare"]>[0];

/** A photo as the model sees it, in wasm memory: freed by its owner, or taken away by the model's `start`. */
export type EnginePrepared = ReturnType<EngineModel["prepare"]>;

/** A forward pass under way, over photos or texts. */
export type EnginePass = ReturnType<EngineModel["start"]>;

/** The plan of a pass on a GPU, and what its output is read by. */
export type EnginePlan = ReturnType<EngineModel["photoPlan"]>;

/** A layer of a model's shape, by which a GPU is tried. */
export type EngineProbe = NonNullable<ReturnType<EngineLoader["probe"]>>;

/** The engine, ready to load a model. */
export interface Engine {
  readonly ModelLoader: Glue["ModelLoader"];
  readonly Preparer: Glue["Preparer"];
  readonly Sha256: Glue["Sha256"];
  /** How long its file is, as it was sent; 0 where the server did not say. */
  readonly bytes: number;
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
    const module = await compile(response);
    ({ memory } = await flavor.glue.start({ module, memory: flavor.memory }));
    if (flavor.memory) await startThreads?.(flavor, module);
  } catch (cause) {
    throw startFailure(cause, url);
  }
  const { ModelLoader, Preparer, Sha256, refusedBytes } = flavor.glue;
  return {
    ModelLoader,
    Preparer,
    Sha256,
    bytes: Number(response.headers.get("content-length") ?? 0),
    panicMessage: () => panic,
    memory: () => ({ held: memory.buffer.byteLength, refused: refusedBytes() }),
  };
}

/** Compiles a module, while it streams in if its type allows that. */
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
  return new ClipVisionError("fetch", `${shortUrl(url)} is not this package's wasm file: ${text}`, { cause });
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
