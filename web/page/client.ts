/**
 * The page's end of the conversation: owns the worker, knows which calls are pending, and settles every promise whatever
 * becomes of the worker.
 *
 * A worker with one model in it, and the workers that are its threads, are a {@link Session}. It ends when its engine
 * crashes, when its script fails, or with `close()`; all of its pending calls are rejected then, and, unless it was closed,
 * the next call opens another session with the same model. A call that was canceled (`signal`) is forgotten at once; what
 * the worker still says of it is dropped. But it has to say something: one that is stuck has crashed.
 */

import { ClipVisionError, fromWireError, messageOf, toWireError } from "../shared/errors.js";
import { VERSION } from "../shared/protocol.js";
import type { CallName, Calls, PageCalls, LoadedModel, LoadProgress, LoadWarning, Request, Response, WireLoad, WireSettings } from "../shared/protocol.js";
import type { RpcRequest } from "../shared/rpc.js";
import { RpcClient } from "../shared/rpc_client.js";
import type { RpcServer } from "../shared/rpc_server.js";
import { sharedController, untilAborted } from "../shared/waiting.js";
import { startFailure, started, type WorkerLike } from "../shared/worker_like.js";
import { onDemand } from "./on_demand.js";
import type { PageFunctions } from "./page_service.js";
import { Watch } from "./watch.js";

/** What a client is made with. */
export interface ClientOptions {
  /** Starts a worker; may throw. */
  createWorker: () => WorkerLike;
  /** The model, loaded into each worker anew. */
  load: WireLoad;
  /** What the worker may ask the page for: `load.fetchOnPage` and `load.decodeOnPage` say which are there. */
  functions?: PageFunctions;
  /** Milliseconds within which a new worker has to answer; `Infinity` waits forever. */
  startTimeout?: number;
  /** Milliseconds within which the worker has to hear that a call was canceled; `Infinity` waits forever. */
  cancelTimeout?: number;
  /** Called with problems that do not stop a load. */
  onWarning?: (warning: LoadWarning) => void;
  /** Called with what was loaded, each time that it is. */
  onLoaded?: (model: LoadedModel) => void;
}

/** What a call wants besides its answer. */
export interface CallListeners {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** The call waits no longer: it is being computed. */
  onStarted?: (() => void) | undefined;
}

/** What a call rejects with that was lost with its worker, through no fault of its own as far as is known. */
export class LostCall extends ClipVisionError {}

/** Enough for some hundred kB on a very slow line and a busy device; after that a user has given up. */
const START_TIMEOUT = 60_000;
/**
 * The worker listens between two pieces of work of the engine. On a laptop the longest of them take 1.5 s (a PNG of 100
 * megapixels, decoded and resized) and 0.14 s (a layer of ViT-L/14), and on a slow phone several times that. To end a worker
 * that only takes its time costs another load of the model.
 */
const CANCEL_TIMEOUT = 10_000;
/** The id of no call. */
const NO_CALL = 0;
const LONGEST_TIMEOUT = 2 ** 31 - 1; // of setTimeout

const crash = (message: string, cause?: unknown): ClipVisionError => new LostCall("worker-crashed", message, { cause });

/** One worker with its threads and its pending calls. */
class Session extends RpcClient<Calls, CallListeners> {
  readonly ready: Promise<LoadedModel>;
  readonly #worker: WorkerLike;
  readonly #createWorker: () => WorkerLike;
  readonly #threads = new Set<WorkerLike | undefined>();
  readonly #functions: PageFunctions;
  /** Answers the worker; made when it asks for the first time. */
  #service: Promise<RpcServer<PageCalls>> | undefined;
  readonly #onEnd: (session: Session) => void;
  readonly #onWarning: ((warning: LoadWarning) => void) | undefined;
  readonly #onLoaded: ((model: LoadedModel) => void) | undefined;
  readonly #watch: Watch;
  #heard = false;
  readonly #silence: ReturnType<typeof setTimeout>;

  constructor(
    { createWorker, load, functions, onWarning, onLoaded, startTimeout = START_TIMEOUT, cancelTimeout = CANCEL_TIMEOUT }: ClientOptions,
    onProgress: ((progress: LoadProgress) => void) | undefined,
    onEnd: (session: Session) => void,
  ) {
    super((message, transfer) => this.#send(message, transfer));
    this.#onEnd = onEnd;
    this.#onWarning = onWarning;
    this.#onLoaded = onLoaded;
    this.#createWorker = createWorker;
    this.#worker = started(createWorker);
    this.#watch = new Watch(cancelTimeout, () => this.#stuck(cancelTimeout));
    this.#silence = setTimeout(() => this.#silent(startTimeout), Math.min(startTimeout, LONGEST_TIMEOUT));
    this.#worker.onmessage = (event) => this.#hear(event.data as Response);
    this.#worker.onmessageerror = () => this.end(crash("A message from the worker could not be read"));
    this.#worker.onerror = (event) => this.#scriptFailed(event);
    this.#functions = functions ?? {};
    this.ready = this.call("load", load, { listeners: { onProgress } });
    // A model that does not load leaves a worker without a purpose.
    this.ready.then(this.#onLoaded, (error: unknown) => {
      const message = `The model was not loaded: ${messageOf(error)}`;
      this.end(crash(message, error));
    });
  }

  /** Terminates the worker and rejects what is pending: the call `culprit` with the cause, the others with `error`. */
  override end(error: ClipVisionError, culprit?: number): void {
    if (this.ended) return;
    super.end(error, culprit);
    clearTimeout(this.#silence);
    this.#watch.stop();
    this.#worker.onmessage = this.#worker.onmessageerror = this.#worker.onerror = null;
    this.#worker.terminate();
    for (const thread of this.#threads) thread?.terminate();
    void this.#service?.then((service) => service.stop(), () => undefined);
    this.#onEnd(this);
  }

  /** Asks the worker for a sign of life; one that has not been heard yet has its own time for that. */
  probe(): void {
    if (!this.#heard || this.ended) return;
    this.#send({ type: "cancel", id: NO_CALL }, []);
    this.canceled(NO_CALL);
  }

  protected override canceled(id: number): void {
    this.#watch.expect(id);
  }

  protected override unsendable(cause: unknown, transfer: readonly Transferable[]): Promise<ClipVisionError> {
    const plain = () => super.unsendable(cause, transfer);
    return onDemand().then(({ taintedPhoto }) => taintedPhoto(cause, transfer) ?? plain(), plain);
  }

  #send(message: Request, transfer: Transferable[]): void {
    if (!this.ended) this.#worker.postMessage(message, transfer);
  }

  #hear(message: Response): void {
    this.#watch.heard(message.type === "canceled" ? message.id : undefined);
    switch (message.type) {
      case "canceled":
        return;
      case "hello":
        this.#heard = true;
        clearTimeout(this.#silence);
        if (message.version === VERSION) return;
        return this.end(crash("The worker's script comes from another release than the page's: check the option worker"));
      case "done":
      case "failed":
        return this.receive(message);
      case "started":
        return this.listenersOf(message.id)?.onStarted?.();
      case "progress":
        return this.listenersOf(message.id)?.onProgress?.(message.progress);
      case "warning":
        return this.#onWarning?.(message.warning);
      case "reloaded":
        return this.#onLoaded?.(message.model);
      case "crashed": {
        const error = fromWireError(message.error);
        return this.end(crash(`The worker stopped: ${error.message}`, error), message.id);
      }
      case "fetch":
      case "decode":
      case "cancel":
        return this.#serve(message);
      case "thread":
        return this.#startThread(message.ticket, message.port);
    }
  }

  /** Has the application's functions called, in the order of the messages. */
  #serve(message: RpcRequest<PageCalls>): void {
    this.#service ??= onDemand().then(({ pageService }) => pageService(this.#functions, (answer, transfer) => this.#send(answer, transfer)));
    this.#service.then((service) => service.handle(message)).catch((error: unknown) => {
      this.#service = undefined; // the next call tries again
      if (message.type !== "cancel") this.#send({ type: "failed", id: message.id, error: toWireError(error) }, []);
    });
  }

  /** Starts a worker that computes for this one. It answers through the port, if its script starts and is of this release. */
  #startThread(ticket: number, port: MessagePort): void {
    let thread: WorkerLike | undefined;
    const fail = () => {
      thread?.terminate();
      this.#threads.delete(thread);
      this.#send({ type: "thread-failed", ticket }, []);
    };
    try {
      thread = this.#createWorker();
      this.#threads.add(thread);
      thread.onmessage = ({ data }: MessageEvent<Response>) => {
        if (data.type === "crashed" || (data.type === "hello" && data.version !== VERSION)) fail();
      };
      thread.onmessageerror = fail;
      thread.onerror = (event) => {
        event.preventDefault?.();
        fail();
      };
      thread.postMessage({ type: "help", port }, [port]);
    } catch {
      fail();
    }
  }

  #silent(timeout: number): void {
    const reasons = "its script did not load, or is another script than this package's: check the option worker";
    this.end(crash(`The worker has not answered for ${timeout / 1000} s (${reasons}; limits.startTimeout allows more time)`));
  }

  #stuck(timeout: number): void {
    const what = `The worker was ended: a call was canceled, and for ${timeout / 1000} s it did not listen`;
    this.end(crash(`${what} (limits.cancelTimeout allows more time)`));
  }

  #scriptFailed(event: ErrorEvent): void {
    event.preventDefault?.();
    const message = this.#heard ? `The worker failed: ${event.message}` : startFailure("The worker's script", event, this.#worker);
    this.end(crash(message, event.error ?? event));
  }
}

/** Calls into a worker that is started when it is needed. */
export class Client {
  readonly #options: ClientOptions;
  readonly #closing = sharedController();
  #session: Session | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Starts the worker and loads the model. An abort ends the worker. */
  async start(signal?: AbortSignal, onProgress?: (progress: LoadProgress) => void): Promise<LoadedModel> {
    signal?.throwIfAborted();
    try {
      return await untilAborted(this.#open(onProgress).ready, signal);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Another client, with a worker of its own and the same model, in WebAssembly; or, with `preparing`, one that prepares photos for this
   * one, without the model.
   */
  another(preparing?: WireSettings): Client {
    const { onWarning: _said, onLoaded: _known, load, ...options } = this.#options; // what there is to say was said of the first
    const { device: _refused, ...wasm } = load;
    return new Client({ ...options, load: preparing ? { ...wasm, preparing, threads: 1 } : wasm });
  }

  /** Aborted by {@link close}, with the error that every call rejects with from then on. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** One call; after a crash it starts another worker first. The transferred objects are gone once it has been sent. */
  async call<Name extends Exclude<CallName, "load">>(
    type: Name,
    argument: Calls[Name]["argument"],
    transfer: Transferable[],
    listeners: CallListeners = {},
  ): Promise<Calls[Name]["result"]> {
    const { signal } = listeners;
    for (;;) {
      signal?.throwIfAborted();
      this.closed.throwIfAborted();
      const session = this.#session ?? this.#open();
      try {
        await untilAborted(session.ready, signal);
      } catch (error) {
        this.closed.throwIfAborted();
        if (signal?.aborted) session.probe();
        throw error;
      }
      // It may have crashed, or been closed, between its answer and now: nothing has been sent yet, so try again.
      if (!session.ended) return session.call(type, argument, { signal, transfer, listeners });
    }
  }

  /** Terminates the worker and rejects what is pending; every later call rejects as well. */
  close(): void {
    if (this.closed.aborted) return;
    const error = new ClipVisionError("closed", "This ClipVision was closed");
    this.#closing.abort(error);
    this.#session?.end(error);
  }

  #open(onProgress?: (progress: LoadProgress) => void): Session {
    this.#session = new Session(this.#options, onProgress, (ended) => {
      if (this.#session === ended) this.#session = undefined;
    });
    return this.#session;
  }
}
