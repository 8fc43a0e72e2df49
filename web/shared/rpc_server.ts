/** The half that answers (`rpc.ts`): answers each call once, or never if it was canceled. It knows no worker. */

import { toWireError } from "./errors.js";
import type { Answer, Call, CallTable, Cancel, ResultOf, RpcRequest } from "./rpc.js";

/** A result, and the objects that move with it. */
export type Moved<Result> = readonly [result: Result, transfer: Transferable[]];

/** What a server is made with. */
export interface RpcServerOptions<Calls extends CallTable<Calls>> {
  /** Sends a message to who called. */
  post(message: Answer<Calls>, transfer: Transferable[]): void | Promise<void>;
  /** Does what a call asks for. The signal aborts when the call is canceled, or the server stops. */
  run(call: Call<Calls>, signal: AbortSignal): Promise<Moved<ResultOf<Calls>>>;
  /** Calls are run one after the other, in the order in which they came; otherwise all at once. */
  inOrder?: boolean;
}

/** Answers calls of a table. */
export class RpcServer<Calls extends CallTable<Calls>> {
  readonly #options: RpcServerOptions<Calls>;
  readonly #running = new Map<number, AbortController>();
  #last: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RpcServerOptions<Calls>) {
    this.#options = options;
  }

  /** Whether it answers no longer. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Takes a message. Never throws. */
  handle(request: RpcRequest<Calls>): void {
    if (this.#stopped) return;
    if (request.type === "cancel") return this.#running.get((request as Cancel).id)?.abort();
    const call = request as Call<Calls>;
    const controller = new AbortController();
    this.#running.set(call.id, controller);
    const answer = () => this.#answer(call, controller.signal);
    if (this.#options.inOrder) this.#last = this.#last.then(answer);
    else void answer();
  }

  /** Aborts what is running, and answers nothing anymore: one end of the conversation is lost. */
  stop(): void {
    this.#stopped = true;
    for (const controller of this.#running.values()) controller.abort();
  }

  async #answer(call: Call<Calls>, signal: AbortSignal): Promise<void> {
    const { id } = call;
    const { run, post } = this.#options;
    const wanted = (): boolean => !signal.aborted && !this.#stopped;
    try {
      const [result, transfer] = await run(call, signal);
      if (wanted()) await post({ type: "done", id, result }, transfer);
    } catch (error) {
      if (wanted()) await post({ type: "failed", id, error: toWireError(error) }, []);
    } finally {
      this.#running.delete(id);
    }
  }
}
