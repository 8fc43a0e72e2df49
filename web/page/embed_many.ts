/**
 * Many photos: a few in flight, so that reading overlaps computing, and no more are pulled. One that fails, or brings the
 * worker down, is a result like the others; those that were lost with the worker are tried again by themselves, so that
 * the next crash shows whose fault it was.
 */

import { ClipVisionError, invalid, messageOf } from "../shared/errors.js";
import type { EmbeddingDetails, Floats } from "../shared/protocol.js";
import { isBlob, isBuffer, tagOf } from "../shared/values.js";
import { linkedTo } from "../shared/waiting.js";
import { LostCall } from "./client.js";
import type { DecodingOptions } from "./decoding.js";
import type { PhotoSource } from "./photo.js";

/** Photos, or items that have a photo: an array, a FileList, or any iterable or async iterable. */
export type PhotoSources<Item = PhotoSource> = Iterable<Item> | AsyncIterable<Item> | ArrayLike<Item>;

/** The progress of `embedMany`. */
export interface ManyProgress {
  /** Photos done, failed ones included. */
  done: number;
  /** Photos that failed. */
  failed: number;
  /** How many photos there are, if the source has a length. */
  total?: number;
}

/** What `embedMany` yields for one photo: its embedding, or why there is none. */
export type ManyResult<Item = PhotoSource> = {
  /** The item's place in its source, from 0. */
  index: number;
  /** The item itself. */
  item: Item;
} & (
  | {
      /** The photo's embedding. */
      embedding: Floats;
      /** How it was made, with the option `details`. */
      details?: EmbeddingDetails;
      /** Absent, which tells success from failure. */
      error?: undefined;
    }
  | {
      /** Absent. */
      embedding?: undefined;
      /** Why there is none. */
      error: ClipVisionError;
    }
);

/** Options of `embedMany`. */
export interface EmbedManyOptions<Item = PhotoSource> extends DecodingOptions {
  /** Returns the photo of an item, or a promise of it. If it throws, that is the item's error. Default: the item itself. */
  photo?: (item: Item) => PhotoSource | Promise<PhotoSource>;
  /** Adds timings, decoder and size to each result. Default `false`. */
  details?: boolean;
  /** Ends the iteration with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each photo. */
  onProgress?: (progress: ManyProgress) => void;
  /**
   * Moves buffers, ImageBitmaps and VideoFrames to the worker instead of copying them. If the worker crashes, a photo that
   * was moved can't be tried again. Default `false`.
   */
  transfer?: boolean;
  /**
   * How many workers embed at the same time, each with its own copy of the model in memory. Those beyond the first are
   * started for this call, join in once they have loaded the model, and end with the call. Default: one less
   * than the number of cores, at most 4, and only as many as fit their models into 512 MB together. Where a GPU computes (`info.device`)
   * or threads do (`info.threads`), it is how many more decode and prepare photos for the one worker that has the model. Default for a GPU:
   * one less than the number of cores, at most 15; for threads: half of the cores, at most 15.
   */
  workers?: number;
}

/** How one photo is to be embedded. */
export interface EmbedderOptions extends DecodingOptions {
  signal: AbortSignal;
  transfer: boolean;
}

/** A worker with the model: embeds a photo. */
export type Embedder = (photo: PhotoSource, options: EmbedderOptions) => Promise<EmbeddingDetails>;

/** The workers of one call; more may join. */
export interface Workers {
  readonly embedders: readonly Embedder[];
  /** Photos that a worker computes together. */
  readonly batch: number;
  /** Photos in flight at most, if the workers don't compute each for itself. */
  inFlight?(): number;
  /** Ends the ones that were started for this call. */
  close(): void;
}

/** Photos in flight of each worker that computes: one is computed, the next ones are read meanwhile; or two batches of them. */
const inFlightOf = (batch: number): number => (batch === 1 ? 3 : 2 * batch);
const MOST_WORKERS = 64;

function iterate<Item>(sources: PhotoSources<Item>): AsyncIterator<Item> | Iterator<Item> {
  const isList = typeof sources === "object" && sources !== null && !isBlob(sources) && !isBuffer(sources);
  if (isList && Symbol.asyncIterator in sources) return sources[Symbol.asyncIterator]();
  if (isList && Symbol.iterator in sources) return sources[Symbol.iterator]();
  if (isList && typeof sources.length === "number") return Array.from(sources)[Symbol.iterator]();
  throw invalid(`embedMany takes a list of photos, or anything else that can be iterated, not ${tagOf(sources)}`);
}

function countOf(sources: PhotoSources<unknown>): number | undefined {
  const { length, size } = (sources ?? {}) as { length?: unknown; size?: unknown };
  const count = length ?? size;
  return typeof count === "number" ? count : undefined;
}

/**
 * Embeds photos in the order in which they come; yields in that order. A photo that fails yields its error, and the
 * others go on. The source is pulled only as fast as results are consumed.
 *
 * @param startWorkers starts so many workers
 * @param closed what ends everything
 */
export async function* embedMany<Item>(
  sources: PhotoSources<Item>,
  { signal, onProgress, transfer = false, workers = 1, details = false, photo: photoOf, ...decoding }: EmbedManyOptions<Item>,
  startWorkers: (count: number) => Workers,
  closed?: AbortSignal,
): AsyncGenerator<ManyResult<Item>, void> {
  signal?.throwIfAborted();
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    throw invalid(`workers must be a whole number from 1 to ${MOST_WORKERS}, not ${String(workers)}`);
  }
  const iterator = iterate(sources);
  const total = countOf(sources);
  const { controller: stop, unlink } = linkedTo(signal, closed);
  const aborted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined); // it may have no listener left

  const started = startWorkers(workers);
  const busy = new Map<Embedder, number>();
  const busyOf = (embedder: Embedder) => busy.get(embedder) ?? 0;
  const embed: Embedder = async (photo, options) => {
    const idlest = started.embedders.reduce((best, other) => (busyOf(other) < busyOf(best) ? other : best));
    busy.set(idlest, busyOf(idlest) + 1);
    return idlest(photo, options).finally(() => busy.set(idlest, busyOf(idlest) - 1));
  };

  const most = inFlightOf(started.batch);
  const inFlight: Promise<ManyResult<Item>>[] = [];
  const progress: ManyProgress = { done: 0, failed: 0, ...(total !== undefined && { total }) };
  const begin = (item: Item, index: number): Promise<ManyResult<Item>> => {
    const find = async () => (photoOf ? photoOf(item) : (item as PhotoSource));
    const result = settled(find, embed, { ...decoding, signal: stop.signal, transfer }, most).then(
      (outcome): ManyResult<Item> => ({ index, item, ...("error" in outcome ? outcome : answerOf(outcome, details)) }),
    );
    result.catch(() => undefined); // nobody looks at it before its turn, or at all after the end
    return result;
  };
  let index = 0;
  let exhausted = false;
  /** The next item, which a source may take its time for: results don't wait for it. */
  let pulled: Promise<IteratorResult<Item>> | undefined;
  try {
    for (;;) {
      if (!exhausted && inFlight.length < (started.inFlight?.() ?? most * started.embedders.length)) pulled ??= Promise.resolve(iterator.next());
      const first = inFlight[0];
      if (!pulled && !first) return;
      const item = pulled?.then((next) => ({ next }));
      const done = first?.then((result) => ({ result }));
      const event = await Promise.race([aborted, ...(item ? [item] : []), ...(done ? [done] : [])]);
      if ("next" in event) {
        pulled = undefined;
        if (event.next.done) exhausted = true;
        else inFlight.push(begin(event.next.value, index++));
        continue;
      }
      const { result } = event;
      inFlight.shift();
      progress.done += 1;
      if (result.error) progress.failed += 1;
      onProgress?.({ ...progress });
      yield result;
      stop.signal.throwIfAborted();
    }
  } finally {
    unlink();
    stop.abort();
    started.close();
    // A source that is being waited for can't end now, and an abort does not wait.
    const ended = exhausted ? undefined : Promise.resolve(iterator.return?.());
    pulled?.catch(() => undefined);
    if (!signal?.aborted && !pulled) await ended;
    else ended?.catch(() => undefined);
  }
}

/**
 * An error of one photo is a result; the end of everything (an abort, `close()`) is an error. What was lost with its worker
 * is tried again, `most` times in all: so many photos that bring a worker down can be in flight with it.
 */
async function settled(
  find: () => Promise<PhotoSource>,
  embed: Embedder,
  options: EmbedderOptions,
  most: number,
): Promise<EmbeddingDetails | { error: ClipVisionError }> {
  let lost: LostCall | undefined;
  let photo: PhotoSource | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      photo ??= await found(find);
      return await embed(photo, options);
    } catch (error) {
      if (!(error instanceof ClipVisionError) || error.code === "closed" || options.signal.aborted) throw error;
      // What moved into the worker that is gone can't be given once more.
      if (lost && error.code === "invalid-argument") return { error: lost };
      if (!(error instanceof LostCall) || tries === most) return { error };
      lost = error;
    }
  }
}

/** An item's photo; what the application's own function throws is one photo's error. */
const found = (find: () => Promise<PhotoSource>): Promise<PhotoSource> =>
  find().catch((cause: unknown) => {
    if (cause instanceof ClipVisionError) throw cause;
    throw invalid(`The option photo failed: ${messageOf(cause)}`, cause);
  });

const answerOf = (details: EmbeddingDetails, wanted: boolean): { embedding: Floats; details?: EmbeddingDetails } => ({
  embedding: details.embedding,
  ...(wanted && { details }),
});
