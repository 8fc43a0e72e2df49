/** Many photos, one after the other: a few in flight, so that reading overlaps computing, and no more are pulled. */

import type { DecodingOptions } from "./decoding.js";
import { ClipVisionError } from "./errors.js";
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
  /** Lets buffers, ImageBitmaps and VideoFrames move to the worker instead of copying them. Default `false`. */
  transfer?: boolean;
}

/** One is computed, the next ones are read meanwhile. */
const IN_FLIGHT = 3;

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
 */
export async function* embedMany(
  sources: PhotoSources,
  { signal, onProgress, transfer = false, ...decoding }: EmbedManyOptions,
  embed: (
    photo: PhotoSource,
    options: DecodingOptions & { signal: AbortSignal; transfer: boolean },
  ) => Promise<Float32Array>,
): AsyncGenerator<ManyResult, void> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", forward);
  const aborted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined); // it may have no listener left

  const total = countOf(sources);
  const iterator = iterate(sources);
  const inFlight: Promise<ManyResult>[] = [];
  const progress: ManyProgress = { done: 0, failed: 0, ...(total !== undefined && { total }) };
  let index = 0;
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && inFlight.length < IN_FLIGHT) {
        const next = await Promise.race([iterator.next(), aborted]);
        if (next.done) {
          exhausted = true;
        } else {
          const result = settled(index++, embed(next.value, { ...decoding, signal: stop.signal, transfer }));
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
      signal?.throwIfAborted();
    }
  } finally {
    signal?.removeEventListener("abort", forward);
    stop.abort();
    // A source that is being waited for can't end now, and an abort does not wait.
    const ended = exhausted ? undefined : Promise.resolve(iterator.return?.());
    if (!signal?.aborted) await ended;
    else ended?.catch(() => undefined);
  }
}

/** An error of one photo is a result; the end of everything (an abort, `close()`) is an error. */
async function settled(index: number, work: Promise<Float32Array>): Promise<ManyResult> {
  try {
    return { index, embedding: await work };
  } catch (error) {
    if (error instanceof ClipVisionError && error.code !== "closed") return { index, error };
    throw error;
  }
}
