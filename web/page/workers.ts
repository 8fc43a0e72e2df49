/** `embedMany` of a loaded model: with its worker, and others that are started for the call. */

import type { Calls, EmbeddingDetails, WireEmbedding, WireSettings } from "../shared/protocol.js";
import type { CallsContext } from "./calls.js";
import type { Client } from "./client.js";
import { embedMany, type Embedder, type EmbedderOptions, type EmbedManyOptions, type ManyResult, type PhotoSources, type Workers } from "./embed_many.js";
import type { PhotoSource } from "./photo.js";

/** Photos for which another worker is not worth its start. */
const FEW = 12;
/** Workers that `embedMany` starts by itself, and how much memory their models may take together, in bytes. */
const MOST_WORKERS = 4;
const WORKERS_MEMORY = 512 << 20;
/** Workers that prepare photos for another one: so many keep a GPU busy that takes 5 ms a photo, of photos of 12 megapixels. */
const MOST_PREPARERS = 15;
/** Photos in flight of each: one is prepared, the next ones are read meanwhile. */
const IN_PREPARATION = 3;

/** What it takes of a model's calls. */
export interface ManyCalls {
  context: CallsContext;
  /** Calls a client with a photo. */
  call<Name extends "embedOneOfMany" | "prepare">(name: Name, client: Client, photo: PhotoSource, options: EmbedderOptions): Promise<Calls[Name]["result"]>;
  /** An answer with the model's name. */
  named(answer: WireEmbedding): EmbeddingDetails;
}

/** See `ClipVision.embedMany`. */
export function embedAll<Item>(items: PhotoSources<Item>, options: EmbedManyOptions<Item>, calls: ManyCalls): AsyncGenerator<ManyResult<Item>, void> {
  const { context } = calls;
  const start = (count: number) => (options.workers === undefined ? startWorkers(calls, workersWorth(context), FEW) : startWorkers(calls, count, 0));
  return embedMany(items, options, start, context.client.closed);
}

/** Whether one worker computes and others prepare photos for it: a GPU does, and so do threads, while a photo is decoded by one of them. */
const hasPreparers = ({ info }: CallsContext): boolean => info.device === "webgpu" || info.threads > 1;

/** How many workers are worth their memory: those that prepare photos, or that have the model too. */
function workersWorth(context: CallsContext): number {
  const cores = (globalThis.navigator as Partial<Navigator> | undefined)?.hardwareConcurrency ?? 1;
  const { bytes, device } = context.info;
  // Threads need the cores themselves, for more than half of the time.
  if (hasPreparers(context)) return Math.max(1, Math.min(MOST_PREPARERS, device === "webgpu" ? cores - 1 : cores >> 1));
  if (!context.isAtHand) return 1;
  return Math.max(1, Math.min(MOST_WORKERS, cores - 1, Math.floor(WORKERS_MEMORY / Math.max(1, bytes))));
}

/**
 * This model's worker, and others, which are started after so many photos and join in once they have loaded the model; one that
 * can't is skipped. Where a GPU or threads compute the others have no model: they prepare photos for the one that has.
 */
function startWorkers({ context, call, named }: ManyCalls, count: number, after: number): Workers {
  const { client, batch } = context;
  const prepares = hasPreparers(context);
  const others: Client[] = [];
  let given = 0;
  let closed = false;
  const counted =
    (embed: Embedder): Embedder =>
    (photo, options) => {
      if ((given += 1) === after) startOthers();
      return embed(photo, options);
    };
  const embedder = (one: Client): Embedder => counted(async (photo, options) => named(await call("embedOneOfMany", one, photo, options)));
  const preparer = (one: Client): Embedder =>
    counted(async (photo, options) => {
      const prepared = await call("prepare", one, photo, options);
      return named(await client.call("embedPrepared", prepared, [prepared.pixels.data.buffer], { signal: options.signal }));
    });
  const embedders = [embedder(client)];
  const start = (other: Client, of: (other: Client) => Embedder): void => {
    others.push(other);
    other.start().then(
      () => embedders.push(of(other)),
      () => undefined,
    );
  };
  const startOthers = (): void => {
    if (prepares) {
      const starts = (preparing: WireSettings) => {
        for (let more = count; more > 0 && !closed; more -= 1) start(client.another(preparing), preparer);
      };
      client.call("settings", undefined, []).then(starts, () => undefined);
      return;
    }
    for (let more = count; more > 1; more -= 1) start(client.another(), embedder);
  };
  if (after === 0) startOthers();
  const close = (): void => {
    closed = true;
    others.forEach((other) => other.close());
  };
  // Two batches, and what each worker prepares.
  const inFlight = () => 2 * batch + IN_PREPARATION * embedders.length;
  return { embedders, batch, close, ...(prepares && { inFlight }) };
}
