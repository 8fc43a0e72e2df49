/**
 * Search in a collection that stays on its server: `clip-vision/search/remote`. Of a large file a search reads the rows, as a stream
 * that is scored as it arrives, and then the matches' ids: the first time the list up to them, to learn where each id is, later the
 * pieces that they are in.
 *
 * ```ts
 * import { RemoteEmbeddings } from "clip-vision/search/remote";
 *
 * const photos = await RemoteEmbeddings.open("/photos.clip-vision");
 * for (const { id, score } of await photos.search(embedding, 20)) console.log(id, score);
 * ```
 *
 * Any static host will do that answers ranges; of one that does not, each part is read from the file's beginning. Searches are exact,
 * so all rows are read each time: whoever asks more than a few times loads the collection ({@link Embeddings.load}), which keeps it.
 * In memory are four bytes for each row, and the places of some ids.
 *
 * @packageDocumentation
 */

import { invalid } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";
import { platform } from "../shared/platform.js";
import { RemoteFile, type Network } from "../shared/remote_file.js";
import { sleep } from "../shared/retry.js";
import { readRange } from "../shared/sources.js";
import { absoluteUrl } from "../shared/values.js";
import { WASM } from "../wasm/top_k.js";
import { checkedQuery } from "./arguments.js";
import { BLOCK, SearchEngine } from "./engine.js";
import { broken, unsupported, type EmbeddingId } from "./file.js";
import { IdPlaces } from "./id_places.js";
import { checkScales, checkSum, modelOf, placesOf, readOwnHeader, OWN_MAGIC, type OwnHeader, type OwnPlaces } from "./own_file.js";
import type { EmbeddingLike, SearchMatch } from "./options.js";

/** Options of `RemoteEmbeddings.open`. */
export interface OpenOptions {
  /** Cancels the reading; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of `RemoteEmbeddings.search`. */
export interface RemoteSearchOptions extends OpenOptions {
  /** The least cosine that counts as a match. Default: no limit. */
  threshold?: number;
  /** Hears how many rows have been looked at. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/** A collection on a server, in the package's own format. */
export class RemoteEmbeddings<Id extends EmbeddingId = EmbeddingId> {
  /** How many embeddings there are. */
  readonly size: number;
  /** Values of each embedding. */
  readonly dimension: number;
  /** The model that made the embeddings, where that is known. */
  readonly model: string | undefined;
  readonly #file: PartsOfFile;
  readonly #header: OwnHeader;
  readonly #places: OwnPlaces;
  readonly #scales: Float32Array;
  readonly #ids: IdPlaces;

  private constructor(file: PartsOfFile, header: OwnHeader, places: OwnPlaces, scales: Float32Array, model: string | undefined) {
    [this.#file, this.#header, this.#places, this.#scales] = [file, header, places, scales];
    [this.size, this.dimension, this.model] = [header.count, header.dimension, model];
    this.#ids = new IdPlaces(places.ids, header.count);
  }

  /**
   * Reads what a search needs besides rows and ids.
   *
   * @param url of a file that `Embeddings.toBlob()` or `npx clip-vision index` wrote; a string is relative to the page
   * @throws {@link ClipVisionError} `fetch`, `unsupported-format` for a file of another kind, `decode` and `integrity` for one that is
   * damaged, `invalid-argument`, `unsupported-browser`
   */
  static async open<Id extends EmbeddingId = EmbeddingId>(url: string | URL, options: OpenOptions = {}): Promise<RemoteEmbeddings<Id>> {
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const { href } = absoluteUrl(url, (text) => `"${shortUrl(text)}" is not a URL`);
    const file = new PartsOfFile(href);
    const engine = new SearchEngine(WASM);
    const start = await file.read(0, OWN_MAGIC.length, signal);
    if (!OWN_MAGIC.every((byte, i) => byte === start[i])) throw unsupported(`${shortUrl(href)} is not in this package's own format, which alone is searched where it is`);
    const header = await readOwnHeader({ read: (at, length) => file.read(at, length, signal) }, engine);
    const places = placesOf(header);
    if (file.size !== undefined && file.size !== places.end) throw broken(`it has ${file.size} bytes, and by its header should have ${places.end}`);
    const name = await file.read(...places.model, signal);
    checkSum("name of the model", engine.crc32Of(name), header.sums.model);
    const bytes = await file.read(...places.scales, signal);
    checkSum("scales", engine.crc32Of(bytes), header.sums.scales);
    const scales = new Float32Array(bytes.buffer);
    checkScales(scales);
    return new RemoteEmbeddings<Id>(file, header, places, scales, name.length > 0 ? modelOf(name) : undefined);
  }

  /**
   * The nearest embeddings, the best first; of equal ones the one that was added first. Exact: the same that the loaded collection
   * finds.
   *
   * @param k how many at most. Default 10
   * @throws {@link ClipVisionError} `invalid-argument` for a query of another dimension or model, of length 0 or not finite, and for the
   * options `filter` and `relevance`, which a loaded collection has; `fetch`, also if the file has changed since it was opened; `integrity`
   */
  async search(query: EmbeddingLike, k = 10, options: RemoteSearchOptions = {}): Promise<SearchMatch<Id>[]> {
    const { threshold = -Infinity, signal = new AbortController().signal, onProgress } = options;
    signal.throwIfAborted();
    for (const name of ["filter", "relevance"]) {
      if ((options as Record<string, unknown>)[name] !== undefined) throw invalid(`${name} needs the whole collection: load it (Embeddings.load), and search there`);
    }
    const values = checkedQuery(query, k, threshold, this);
    const most = Math.min(k, this.size);
    if (most === 0) return [];
    const { rows, scores } = await this.#scan(values, most, threshold, signal, onProgress);
    const ids = await this.#ids.of(rows, (at, length) => this.#file.read(at, length, signal));
    return Array.from(rows, (row, i) => ({ id: ids.get(row) as Id, score: scores[i] as number }));
  }

  async #scan(query: Float32Array, most: number, threshold: number, signal: AbortSignal, onProgress: RemoteSearchOptions["onProgress"]) {
    const { precision, dimension, count, sums } = this.#header;
    const [from, length] = this.#places.rows;
    // Of its own: another search may go on meanwhile.
    const engine = new SearchEngine(WASM);
    engine.prepare(dimension);
    const heap = engine.end;
    engine.reserve(heap + SearchEngine.heapBytes(most));
    const factor = engine.setQuery(query, precision) / lengthOf(query);
    const rowBytes = length / count;
    let [found, first, filled, sum] = [0, 0, 0, 0];
    const score = () => {
      sum = engine.crc32(sum, engine.block, filled);
      const rows = filled / rowBytes;
      const block = { rows: engine.block, count: rows, first, scales: this.#scales.subarray(first, first + rows), factor };
      found = engine.scan(block, precision, { heap, found, k: most, threshold });
      first += rows;
      filled = 0;
      onProgress?.({ done: first, total: count });
    };
    await this.#file.stream(from, from + length, signal, (piece) => {
      for (let at = 0; at < piece.length; ) {
        const room = Math.min(BLOCK, count - first) * rowBytes - filled;
        const part = piece.subarray(at, at + room);
        engine.bytes.set(part, engine.block + filled);
        at += part.length;
        filled += part.length;
        if (part.length === room) score();
      }
    });
    checkSum("rows", sum, sums.rows);
    return engine.matches(heap, found);
  }
}

function lengthOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** A file at an address, of which parts are read; it has to stay the one that it was at first. */
class PartsOfFile {
  readonly #url: string;
  readonly #network: Network;
  #file: RemoteFile;
  /** In bytes, once the server has said so. */
  size: number | undefined;

  constructor(url: string) {
    this.#url = url;
    const origin = (globalThis.location as Location | undefined)?.origin ?? "";
    this.#network = { fetch: (address, init) => (platform()?.fetch ?? fetch)(address, init), sleep, origin };
    this.#file = new RemoteFile(url, this.#network);
  }

  /** Bytes in a buffer of their own. */
  async read(at: number, length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    await this.stream(at, at + length, signal, (piece) => {
      bytes.set(piece, filled);
      filled += piece.length;
    });
    return bytes;
  }

  /** Gives the bytes from `at` up to `end`, piece by piece. */
  async stream(at: number, end: number, signal: AbortSignal, take: (piece: Uint8Array) => void): Promise<void> {
    if (at >= end) return;
    // A file of its own for each, as several may be read at once; what the server said goes along.
    const file = new RemoteFile(this.#url, this.#network, { validators: this.#file.validators });
    const next = await readRange(file, [at, end], signal, (_, piece) => take(piece), (bytes) => void (this.size ??= bytes));
    this.#file = file;
    if (next < end) throw broken(`it ends at byte ${next}, and should reach to ${end}`);
  }
}
