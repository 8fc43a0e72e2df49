/** The half that calls (`rpc.ts`): knows what is pending, and settles all of it, whatever becomes of the other half. */

import { ClipVisionError, fromWireError, invalid, messageOf } from "./errors.js";
import type { Answer, Call, CallTable, Post, RpcRequest } from "./rpc.js";
import { untilAborted } from "./waiting.js";

/** What a call wants besides its answer. */
export interface CallWishes<Listeners> {
  /** Cancels the call: it rejects with the signal's reason at once, and a late answer is dropped. */
  signal?: AbortSignal | undefined;
  /** What moves with the call. */
  transfer?: Transferable[];
  /** Who hears what is said of the call before it is answered. */
  listeners?: Listeners;
}

interface Pending<Listeners> {
  listeners: Listeners | undefined;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** Calls of a table, and who listens to each. */
export class RpcClient<Calls extends CallTable<Calls>, Listeners = never> {
  readonly #post: Post<RpcRequest<Calls>>;
  readonly #pending = new Map<number, Pending<Listeners>>();
  #ids = 0;
  #ended: { error: unknown } | undefined;

  /** @param post sends a message to the other half */
  constructor(post: Post<RpcRequest<Calls>>) {
    this.#post = post;
  }

  /** Whether every further call is rejected. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Sends a call; settles with its answer, with the signal, or with the end. */
  call<Name extends keyof Calls>(
    type: Name,
    argument: Calls[Name]["argument"],
    { signal, transfer = [], listeners }: CallWishes<Listeners> = {},
  ): Promise<Calls[Name]["result"]> {
    if (this.#ended) return Promise.reject(this.#ended.error);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = (this.#ids += 1);
    const answer = new Promise<Calls[Name]["result"]>((resolve, reject) => {
      this.#pending.set(id, { listeners, resolve, reject });
      try {
        this.#post({ type, id, argument } as Call<Calls>, transfer);
      } catch (cause) {
        this.#pending.delete(id);
        void Promise.resolve(this.unsendable(cause, transfer)).then(reject);
      }
    });
    if (!signal) return answer;
    const cancel = (): void => {
      if (!this.#pending.delete(id)) return;
      this.#post({ type: "cancel", id }, []);
      this.canceled(id);
    };
    signal.addEventListener("abort", cancel, { once: true });
    return untilAborted(answer, signal).finally(() => signal.removeEventListener("abort", cancel));
  }

  /** Takes an answer; one to a call that is pending no longer is dropped. */
  receive(answer: Answer<Calls>): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (answer.type === "done") pending?.resolve(answer.result as never);
    else pending?.reject(fromWireError(answer.error));
  }

  /** Who listens to a pending call. */
  listenersOf(id: number): Listeners | undefined {
    return this.#pending.get(id)?.listeners;
  }

  /** Rejects what is pending: the call `culprit` with the error's cause, the others with the error. */
  rejectAll(error: Error, culprit?: number): void {
    for (const [id, { reject }] of this.#pending) reject(id === culprit ? error.cause : error);
    this.#pending.clear();
  }

  /** The same, and every later call is rejected as well. */
  end(error: Error, culprit?: number): void {
    this.#ended ??= { error };
    this.rejectAll(error, culprit);
  }

  /** The other half has been told that a call is canceled. */
  protected canceled(_id: number): void {}

  /** The error of a call that can't be sent. */
  protected unsendable(cause: unknown, _transfer: readonly Transferable[]): ClipVisionError | Promise<ClipVisionError> {
    return invalid(`This can't be sent to the worker: ${messageOf(cause)}`, cause);
  }
}
