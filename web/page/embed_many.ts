/**
 * Many photos: a few in flight, so that reading overlaps computing, and no more are pulled. One that fails, or brings the
 * worker down, is a result like the others; those that were lost with the worker are tried again by themselves, so that
 * the next crash shows whose fault it was.
 */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { linkedTo } from "../shared/waiting.js";
import { LostCall } from "./client.js";
import type { DecodingOptions } from "./decoding.js";
import type { PhotoSource } from "./photo.js";

/** Photos: an array, a FileList, any iterable or asynchronous iterable. */
export type PhotoSources = Iterable<PhotoSource> | AsyncIterable<PhotoSource> | ArrayLike<PhotoSource>;

/** How far `embedMany` has come. */
export interface ManyProgress {
  /** Photos done, failed ones included. */
  done: number;
  /** Photos that failed. */
  failed: number;
  /** Photos in all, where the source has a length. */
  total?: number;
}

/** What `embedMany` yields for one photo: its embedding, or why there is none. */
export type ManyResult =
  | {
      /** The photo's place in its source, from 0. */
      index: number;
      /** Its embedding. */
      embedding: Float32Array;
      /** Absent: this tells the two apart. */
      error?: undefined;
    }
  | {
      /** The photo's place in its source, from 0. */
      index: number;
      /** Absent. */
      embedding?: undefined;
      /** Why there is none. */
      error: ClipVisionError;
    };

/** Options of `embedMany`. */
export interface EmbedManyOptions extends DecodingOptions {
  /** Ends the iteration with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each photo. */
  onProgress?: (progress: ManyProgress) => void;
  /**
   * Lets buffers, ImageBitmaps and VideoFrames move to the worker instead of copying them. One that was lost in the crash
   * of a worker can't be tried again then. Default `false`.
   */
  transfer?: boolean;
  /**
   * Workers that embed at the same time, each with a model of its own in memory; those beyond the first are started for
   * this call, join in as soon as they have loaded the model, and end with it. For pages without threads: where
   * `info.threads` is more than 1, one worker keeps every core busy, and no other is started. Default 1.
   */
  workers?: number;
}

/** How one photo is to be embedded. */
export interface EmbedderOptions extends DecodingOptions {
  signal: AbortSignal;
  transfer: boolean;
}

/** A worker with the model: embeds a photo. */
export type Embedder = (photo: PhotoSource, options: EmbedderOptions) => Promise<Float32Array>;

/** The workers of one call; more may join. */
export interface Workers {
  readonly embedders: readonly Embedder[];
  /** Photos that a worker computes together. */
  readonly batch: number;
  /** Ends the ones that were started for this call. */
  close(): void;
}

/** Photos in flight of each worker: one is computed, the next ones are read meanwhile; or two batches of them. */
const inFlightOf = (batch: number): number => (batch === 1 ? 3 : 2 * batch);
const MOST_WORKERS = 64;

function iterate(sources: PhotoSources): AsyncIterator<PhotoSource> | Iterator<PhotoSource> {
  if (Symbol.asyncIterator in sources) return sources[Symbol.asyncIterator]();
  return Symbol.iterator in sources ? sources[Symbol.iterator]() : Array.from(sources)[Symbol.iterator]();
}

function countOf(sources: PhotoSources): number | undefined {
  const { length, size } = sources as { length?: unknown; size?: unknown };
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
export async function* embedMany(
  sources: PhotoSources,
  { signal, onProgress, transfer = false, workers = 1, ...decoding }: EmbedManyOptions,
  startWorkers: (count: number) => Workers,
  closed?: AbortSignal,
): AsyncGenerator<ManyResult, void> {
  signal?.throwIfAborted();
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    throw invalid(`workers must be a whole number from 1 to ${MOST_WORKERS}, not ${String(workers)}`);
  }
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
  const total = countOf(sources);
  const iterator = iterate(sources);
  const inFlight: Promise<ManyResult>[] = [];
  const progress: ManyProgress = { done: 0, failed: 0, ...(total !== undefined && { total }) };
  let index = 0;
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && inFlight.length < most * started.embedders.length) {
        const next = await Promise.race([iterator.next(), aborted]);
        if (next.done) {
          exhausted = true;
        } else {
          const result = settled(index++, next.value, embed, { ...decoding, signal: stop.signal, transfer }, most);
          result.catch(() => undefined); // nobody looks at it before its turn, or at all after the end
          inFlight.push(result);
        }
      }
      const first = inFlight.shift();
      if (!first) return;
      const result = await first;
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
    if (!signal?.aborted) await ended;
    else ended?.catch(() => undefined);
  }
}

/**
 * An error of one photo is a result; the end of everything (an abort, `close()`) is an error. What was lost with its worker
 * is tried again, `most` times in all: so many photos that bring a worker down can be in flight with it.
 */
async function settled(index: number, photo: PhotoSource, embed: Embedder, options: EmbedderOptions, most: number): Promise<ManyResult> {
  let lost: LostCall | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      return { index, embedding: await embed(photo, options) };
    } catch (error) {
      if (!(error instanceof ClipVisionError) || error.code === "closed" || options.signal.aborted) throw error;
      // What moved into the worker that is gone can't be given once more.
      if (lost && error.code === "invalid-argument") return { index, error: lost };
      if (!(error instanceof LostCall) || tries === most) return { index, error };
      lost = error;
    }
  }
}
