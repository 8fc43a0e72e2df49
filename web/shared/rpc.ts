/**
 * Calls between a page and a worker: the messages. Types only; `rpc_client.ts` is the half that calls, `rpc_server.ts` the
 * half that answers. The model's worker and a collection's are called in this way, and so is the page by the model's worker,
 * where the application reads addresses or decodes files with functions of its own.
 *
 * A call is one message with an `id` of the caller's choosing. It is answered with exactly one `done` or `failed` of the same
 * `id`, unless the caller canceled it. Answers come in any order.
 */

import type { WireError } from "./errors.js";

/** Calls by their names, each with what it carries and what it is answered with. */
export type CallTable<Calls> = { [Name in keyof Calls]: { argument: unknown; result: unknown } };

/** What calls of a table are answered with. */
export type ResultOf<Calls extends CallTable<Calls>> = Calls[keyof Calls]["result"];

/** A call of a table. */
export type Call<Calls extends CallTable<Calls>> = {
  [Name in keyof Calls]: { type: Name; id: number; argument: Calls[Name]["argument"] };
}[keyof Calls];

/** Cancels a call: it is not answered. */
export interface Cancel {
  type: "cancel";
  id: number;
}

/** Caller -> server. */
export type RpcRequest<Calls extends CallTable<Calls>> = Call<Calls> | Cancel;

/** The answer to one call. */
export type Answer<Calls extends CallTable<Calls>> =
  | { type: "done"; id: number; result: ResultOf<Calls> }
  | { type: "failed"; id: number; error: WireError };

/** Sends a message. May throw, for what can't be cloned or transferred. */
export type Post<Message> = (message: Message, transfer: Transferable[]) => void;
