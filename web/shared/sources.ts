/**
 * Where bytes come from, photos and models alike: a Blob, or an address (`remote_file.ts`). What is to be read is asked for
 * range by range, since a file's beginning may decide on the rest; {@link readAll} wants everything.
 */

import { ClipVisionError } from "./errors.js";
import { joined } from "./values.js";

/** The bytes from the first up to, and without, the second. */
export type ByteRange = readonly [start: number, end: number];

/** What takes a file's bytes. */
export interface Sink {
  /** The bytes to read next; `undefined` once there are enough. The end may lie beyond the file's. */
  wanted(): ByteRange | undefined;
  /** Takes a piece. Pieces come in ascending order and don't overlap; more may come than was asked for. */
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

/** What is read of a Blob at a time. */
const PIECE = 4 << 20;

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
    let ahead: { start: number; bytes: Promise<ArrayBuffer> } | undefined;
    for (let range; (range = sink.wanted()); ) {
      const [start, end] = range;
      const bytes = await (ahead?.start === start ? ahead.bytes : this.#bytes(start, end));
      signal.throwIfAborted();
      if (bytes.byteLength === 0) return;
      // The next piece is read while this one is taken.
      const next = start + bytes.byteLength;
      ahead = next < end ? { start: next, bytes: this.#bytes(next, end) } : undefined;
      ahead?.bytes.catch(() => undefined);
      sink.take(start, new Uint8Array(bytes));
    }
  }

  async #bytes(start: number, end: number): Promise<ArrayBuffer> {
    try {
      return await this.#blob.slice(start, Math.min(end, start + PIECE)).arrayBuffer();
    } catch (cause) {
      // A file on disk that was changed or deleted since the user picked it.
      throw new ClipVisionError("fetch", `Could not read the file ${this.name}: ${String(cause)}`, { cause });
    }
  }
}

/**
 * The whole content of a file.
 *
 * @param most how many bytes it may have; of a larger one no more is read than it takes to know that
 * @throws {@link ClipVisionError} `too-large`; `fetch` where there is less than was announced; and what the source throws
 */
export async function readAll(source: Source, signal: AbortSignal, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let [loaded, total] = [0, Infinity];
  const sink: Sink = {
    wanted: () => (loaded < total ? [loaded, Infinity] : undefined),
    take: (_, piece) => {
      loaded += piece.byteLength;
      checkBytes(loaded, most);
      pieces.push(piece);
    },
    size: (bytes) => {
      total = bytes;
      checkBytes(bytes, most);
    },
  };
  await source.read(sink, signal);
  if (total !== Infinity && loaded < total) throw new ClipVisionError("fetch", `${source.name} is cut short: ${loaded} of ${total} bytes`);
  return joined(pieces, (length) => new Uint8Array(length));
}

/** Throws `too-large` where `bytes` encoded bytes are more than `most`. */
export function checkBytes(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new ClipVisionError("too-large", `${bytes} encoded bytes are over the limit of ${most}`);
}
