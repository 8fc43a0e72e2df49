/**
 * Where bytes come from, photos and models alike: a Blob, or an address (`remote_file.ts`). What is to be read is asked for
 * range by range, since a file's beginning may decide on the rest; {@link readAll} wants everything.
 */

import { ClipVisionError } from "./errors.js";

/** The bytes from the first up to, and without, the second. */
export type ByteRange = readonly [start: number, end: number];

/** What takes a file's bytes. */
export interface Sink {
  /** The bytes to read next; `undefined` once there are enough. The end may lie beyond the file's. */
  wanted(): ByteRange | undefined;
  /**
   * Takes a piece, whose memory is the source's again afterwards. Pieces come in ascending order and don't overlap; more may come
   * than was asked for.
   */
  take(offset: number, piece: Uint8Array): void;
  /** Hears how long the file is, as soon as that is known. */
  size(bytes: number): void;
}

/** A file that is read in parts. */
export interface Source {
  readonly name: string;
  /** Reads until nothing more is wanted, or the file has no more. May be called again, for what is wanted then. */
  read(sink: Sink, signal: AbortSignal): Promise<void>;
}

/** What a stream gives at a time, at most. */
const PIECE = 1 << 20;

/** A Blob: a file that the user picked, or one of the cache. */
export class BlobSource implements Source {
  readonly name: string;
  readonly #blob: Blob;

  constructor(blob: Blob, name: string) {
    this.#blob = blob;
    this.name = name;
  }

  async read(sink: Sink, signal: AbortSignal): Promise<void> {
    sink.size(this.#blob.size);
    for (let range; (range = sink.wanted()); ) {
      if (!(await this.#give(range, sink, signal))) return;
    }
  }

  /** Reads a range for as long as the sink wants what is left of it. `false` if there is nothing of it. */
  async #give([start, end]: ByteRange, sink: Sink, signal: AbortSignal): Promise<boolean> {
    const pieces = piecesOf(this.#blob.slice(start, Math.min(end, this.#blob.size)));
    let at = start;
    try {
      for (;;) {
        const piece = await pieces.next().catch((cause: unknown) => {
          // A file on disk that was changed or deleted since the user picked it.
          throw new ClipVisionError("fetch", `Could not read the file ${this.name}: ${String(cause)}`, { cause });
        });
        signal.throwIfAborted();
        if (!piece) return at > start;
        sink.take(at, piece);
        at += piece.byteLength;
        const left = sink.wanted();
        if (left?.[0] !== at || left[1] !== end) return true;
      }
    } finally {
      await pieces.cancel().catch(() => undefined);
    }
  }
}

/** A Blob, or a part of one, that is read in one go: for photos, and the fastest way there is. */
const IN_ONE_GO = 64 << 20;
/** Milliseconds after which a stream that gives nothing is begun anew, at first; twice as many the next time. */
const STALLED = 5_000;

/**
 * A Blob's bytes, piece by piece; each until the next one is asked for. What is long comes by a stream that fills a buffer of
 * ours, which takes a quarter of the time that slices of the Blob take, or a stream with buffers of its own.
 *
 * In Chromium 156 one stream of some 20,000, on a busy machine, gives nothing more and says nothing: it is begun anew there.
 */
function piecesOf(blob: Blob): { next(): Promise<Uint8Array | undefined>; cancel(): Promise<void> } {
  if (blob.size <= IN_ONE_GO) return { next: once(() => blob.arrayBuffer()), cancel: () => Promise.resolve() };
  let reader = readerOf(blob);
  let [at, patience] = [0, STALLED];
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const read = await withinTime(reader.next(), patience);
      if (read !== "stalled") {
        at += read?.byteLength ?? 0;
        return read;
      }
      void reader.cancel().catch(() => undefined);
      reader = readerOf(blob.slice(at));
      patience *= 2;
    }
  };
  return { next, cancel: () => reader.cancel() };
}

/** All bytes the first time, nothing afterwards. */
function once(read: () => Promise<ArrayBuffer>): () => Promise<Uint8Array | undefined> {
  let done = false;
  return async () => {
    if (done) return undefined;
    done = true;
    return new Uint8Array(await read());
  };
}

async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T | "stalled"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<"stalled">((resolve) => (timer = setTimeout(() => resolve("stalled"), milliseconds)));
  try {
    return await Promise.race([work, stalled]);
  } finally {
    clearTimeout(timer);
  }
}

function readerOf(blob: Blob): { next(): Promise<Uint8Array | undefined>; cancel(): Promise<void> } {
  const stream = blob.stream();
  let byob: ReadableStreamBYOBReader;
  try {
    byob = stream.getReader({ mode: "byob" });
  } catch {
    const reader = stream.getReader();
    return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() };
  }
  let buffer = new ArrayBuffer(PIECE);
  const next = async (): Promise<Uint8Array | undefined> => {
    const { value, done } = await byob.read(new Uint8Array(buffer));
    if (value) ({ buffer } = value);
    return done ? undefined : value;
  };
  return { next, cancel: () => byob.cancel() };
}

/**
 * Reads one range: `take` gets its bytes and where they are in the file, piece by piece; `size` hears the file's length.
 *
 * @returns where the bytes ended: before the range does, if the file does
 */
export async function readRange(
  source: Source,
  [start, end]: ByteRange,
  signal: AbortSignal,
  take: (at: number, piece: Uint8Array) => void,
  size: (bytes: number) => void = () => undefined,
): Promise<number> {
  let next = start;
  const sink: Sink = {
    wanted: () => (next < end ? [next, end] : undefined),
    take: (offset, piece) => {
      const fresh = piece.subarray(Math.max(0, next - offset), Math.max(0, end - offset));
      take(next, fresh);
      next += fresh.byteLength;
    },
    size,
  };
  if (next < end) await source.read(sink, signal);
  return next;
}

/** What {@link readAll} makes room for at once where a file's size is known. */
const AT_ONCE = 64 << 20;

/**
 * The whole content of a file.
 *
 * @param most how many bytes it may have; of a larger one no more is read than it takes to know that
 * @throws {@link ClipVisionError} `too-large`; `fetch` where there is less than was announced; and what the source throws
 */
export async function readAll(source: Source, signal: AbortSignal, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array();
  let [loaded, total] = [0, Infinity];
  const grow = (length: number): void => {
    const longer = new Uint8Array(length);
    longer.set(bytes.subarray(0, loaded));
    bytes = longer;
  };
  const sink: Sink = {
    wanted: () => (loaded < total ? [loaded, Infinity] : undefined),
    take: (_, piece) => {
      const end = loaded + piece.byteLength;
      checkBytes(end, most);
      if (end > bytes.byteLength) grow(Math.max(end, Math.min(2 * loaded, total)));
      bytes.set(piece, loaded);
      loaded = end;
    },
    size: (length) => {
      total = length;
      checkBytes(length, most);
      if (loaded === 0) bytes = new Uint8Array(Math.min(length, AT_ONCE));
    },
  };
  await source.read(sink, signal);
  if (total !== Infinity && loaded < total) throw new ClipVisionError("fetch", `${source.name} is cut short: ${loaded} of ${total} bytes`);
  return loaded === bytes.byteLength ? bytes : bytes.slice(0, loaded);
}

/** Throws `too-large` where `bytes` encoded bytes are more than `most`. */
export function checkBytes(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new ClipVisionError("too-large", `${bytes} encoded bytes are over the limit of ${most}`);
}
