/**
 * A collection of embeddings that is searched, kept and exchanged. The rows are in a worker; here are their ids.
 *
 * Each id has a row. A row that is removed stays, marked, until half of all rows are such or the collection is saved; then
 * they are compacted in the worker, and the same is done here at the moment of asking. An answer names rows as they were
 * numbered when it was asked for, so each search keeps the list of that moment: a list only grows, or is replaced.
 */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { platform } from "../shared/platform.js";
import { bindToSelf, publish } from "../shared/public_class.js";
import { given } from "../shared/values.js";
import { linkedTo } from "../shared/waiting.js";
import { startSearchWorker } from "../start_search_worker.js";
import { blobOf, checkedQuery, checkFormat, checkId, checkModel, checkName, checkPrecision, packed, partsOf, refuseAnother, rowsById, rowsOf } from "./arguments.js";
import { Connection } from "./connection.js";
import type { RowPrecision } from "./engine.js";
import type { CollectionFormat, EmbeddingId } from "./file.js";
import type {
  DuplicateGroup,
  EmbeddingLike,
  EmbeddingValues,
  EmbeddingsOptions,
  EmbeddingsSource,
  LoadEmbeddingsOptions,
  NearDuplicatesOptions,
  RelevanceOptions,
  SearchMatch,
  SearchOptions,
} from "./options.js";
import type { NearLinks } from "./near.js";
import type { LoadedCollection } from "./protocol.js";

/** Rows from which on a second worker is worth its start, and the most bytes of them that are copied for it. */
const MANY = 10_000;
const MOST_COPIED = 512 << 20;
/** Rows are compacted when more than half of them, and more than this, were removed. */
const FEW = 1024;

/**
 * A collection of embeddings by id, in a worker of its own: it needs no model, and no page is blocked by it, however large
 * it is. (In Node it is in a thread; a service worker, which has no workers, gives it {@link EmbeddingsOptions.worker}.) Every search is
 * exact: all rows are compared.
 *
 * ```ts
 * import { ClipVision } from "clip-vision";
 * import { Embeddings } from "clip-vision/search";
 *
 * const clip = await ClipVision.load("owner/name");
 * const photos = new Embeddings();
 * await photos.add("beach.jpg", await clip.embed(file));
 * for (const { id, score } of await photos.search(await clip.embedText("a dog on a beach"), 20)) console.log(id, score);
 * const saved = await photos.toBlob();
 * ```
 *
 * Calls may overlap; they take effect in their order. A call that fails, or an error in the worker, costs no embedding: they
 * are kept until {@link Embeddings.close} or the end of the page, beyond which only what was saved is. If the worker can't be
 * started, every call rejects with `worker-crashed`. All calls reject with a {@link ClipVisionError}, or with the reason of
 * their signal.
 */
export class Embeddings<Id extends EmbeddingId = EmbeddingId> {
  readonly #connection: Connection;
  /** Starts another worker. */
  readonly #connect: () => Connection;
  readonly #precision: RowPrecision;
  /** What was given at the start, or came with embeddings that the worker has taken. */
  readonly #certain: Promised;
  /** Calls whose embeddings are on their way, in their order. */
  readonly #puts = new Set<Promised>();
  /** Ids of which no embedding has been taken yet, and how many calls with one are on their way. */
  readonly #claims = new Map<Id, Claim>();
  /** The list that the worker has. */
  #background: unknown;
  /** The id of each row; of rows that were removed, the former one. */
  #ids: Id[];
  readonly #rows: Map<Id, number>;

  /** @throws {@link ClipVisionError} `invalid-argument`; `worker-crashed` if the worker can't be started; `unsupported-browser` */
  constructor(options: EmbeddingsOptions = {}) {
    const { dimension, precision = "f32" } = options;
    const model = checkModel(options.model, "The model");
    if (dimension !== undefined) rowsOf(0, dimension);
    checkPrecision(precision);
    this.#certain = { dimension: dimension ?? 0, model };
    this.#precision = precision;
    const loaded = loading.get(options);
    this.#connect = () => connect({ ...options, ...loaded?.given });
    this.#connection = loaded?.connection ?? connect(options);
    if (!loaded) this.#connection.call("open", precision).catch(() => undefined); // the next call tells
    this.#rows = (loaded?.rows ?? new Map()) as Map<Id, number>;
    this.#ids = this.ids();
    bindToSelf(this);
  }

  /**
   * Loads a collection that was saved, or that another program wrote: the package's own format, `.npy` (a matrix of
   * `<f4`, `<f2` or `<f8`), or Arrow (a column of lists of floats, and one of ids). The format is told by the content.
   *
   * @throws {@link ClipVisionError} `unsupported-format` for a file of another kind, or of a later version; `decode` for
   * one that is cut short or contradicts itself; `integrity` if a checksum is wrong; `too-large`, `fetch`, `invalid-argument`,
   * `out-of-memory`, `worker-crashed`
   */
  static async load<Id extends EmbeddingId = EmbeddingId>(
    source: EmbeddingsSource,
    options: LoadEmbeddingsOptions = {},
  ): Promise<Embeddings<Id>> {
    options.signal?.throwIfAborted();
    const blob = await blobOf(source, options.signal, options.limits?.maxBytes);
    return Embeddings.#loadBy(options, (connection, wanted) => connection.call("load", { blob, ...wanted }, options));
  }

  /**
   * Loads a collection from the origin's private file system, where {@link Embeddings.saveToOpfs} left it.
   *
   * @throws {@link ClipVisionError} `fetch` if there is none of that name, and what {@link Embeddings.load} throws
   */
  static async loadFromOpfs<Id extends EmbeddingId = EmbeddingId>(
    name: string,
    options: LoadEmbeddingsOptions = {},
  ): Promise<Embeddings<Id>> {
    options.signal?.throwIfAborted();
    checkName(name);
    return Embeddings.#loadBy(options, (connection, wanted) => connection.call("loadFromOpfs", { name, ...wanted }, options));
  }

  static async #loadBy<Id extends EmbeddingId>(
    options: LoadEmbeddingsOptions,
    load: (connection: Connection, wanted: { precision?: RowPrecision }) => Promise<LoadedCollection>,
  ): Promise<Embeddings<Id>> {
    const { precision, ids, signal } = options;
    const expected = checkModel(options.model, "The model");
    if (precision !== undefined) checkPrecision(precision);
    const connection = connect(options);
    try {
      const file = await load(connection, precision === undefined ? {} : { precision });
      const model = file.model ?? expected;
      if (expected !== undefined) refuseAnother("The file", model, expected);
      const all = ids ? Array.from(ids) : file.ids;
      if (all && all.length !== file.count) throw invalid(`There are ${all.length} ids for ${file.count} embeddings`);
      const rows = await rowsById(all, file.count, signal).catch((cause: unknown) => {
        if (ids || !(cause instanceof ClipVisionError)) throw cause;
        const what = `The file's own ids do not tell its embeddings apart (${cause.message}): give others as \`ids\``;
        throw new ClipVisionError("decode", what, { cause });
      });
      const made = { precision: file.precision, ...given({ model }, "model"), ...(file.dimension > 0 && { dimension: file.dimension }) };
      loading.set(made, { connection, rows, given: given(options, "worker") });
      return new Embeddings<Id>(made);
    } catch (error) {
      connection.end(new ClipVisionError("closed", "The collection was not loaded"));
      throw error;
    }
  }

  /** How many embeddings there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** Values of each embedding; 0 as long as there was none. */
  get dimension(): number {
    return this.#certain.dimension || (first(this.#puts)?.dimension ?? 0);
  }

  /** How embeddings are kept. */
  get precision(): RowPrecision {
    return this.#precision;
  }

  /** The model that made the embeddings, where that is known. */
  get model(): string | undefined {
    return this.#certain.model ?? first(this.#puts, ({ model }) => model !== undefined)?.model;
  }

  /** Whether there is an embedding of this id. */
  has(id: Id): boolean {
    return this.#rows.has(id);
  }

  /** All ids, in the order in which they were added. */
  ids(): Id[] {
    return Array.from(this.#rows.keys()); // rows are given out in this order
  }

  /**
   * Adds an embedding, or puts it in place of the one that has this id.
   *
   * @throws {@link ClipVisionError} `invalid-argument` for an id that is neither a string nor a finite number, an embedding
   * of another dimension or model, of length 0 or not finite; `out-of-memory`, `worker-crashed`, `closed`
   */
  async add(id: Id, embedding: EmbeddingLike): Promise<void> {
    const { values, model } = partsOf(embedding, "the embedding");
    if (values.length === 0) throw invalid("The embedding is empty");
    if (this.dimension !== 0 && values.length !== this.dimension) {
      throw invalid(`The embedding has ${values.length} values, and those of this collection have ${this.dimension}`);
    }
    return this.addMany([id], [given({ embedding: values, model }, "embedding", "model") as EmbeddingLike]);
  }

  /**
   * Adds many embeddings at once: all of them, or, if one is impossible, none.
   *
   * @param ids of each embedding
   * @param embeddings one after the other in one array, or a list of them
   * @throws {@link ClipVisionError} as {@link Embeddings.add} does
   */
  async addMany(ids: Iterable<Id>, embeddings: EmbeddingValues | Iterable<EmbeddingLike>): Promise<void> {
    const named = Array.from(ids);
    named.forEach(checkId);
    if (named.length === 0) return;
    const { values, models } = packed(embeddings);
    const dimension = this.dimension || values.length / named.length;
    if (values.length !== named.length * dimension || !Number.isSafeInteger(dimension) || dimension < 1) {
      const each = this.dimension ? ` of ${dimension} values` : "";
      throw invalid(`${values.length} values cannot be divided into ${named.length} embeddings${each}`);
    }
    let model = this.model;
    for (const one of models) refuseAnother("An embedding", one, (model ??= one));
    const put: Promised = { dimension, model: first(models) };
    const claims = new Map<Id, Claim>();
    const rows = Uint32Array.from(named, (id) => {
      const row = this.#rows.get(id) ?? this.#ids.push(id) - 1;
      if (!this.#rows.has(id)) this.#claims.set(id, { calls: 0 });
      this.#rows.set(id, row);
      const one = this.#claims.get(id);
      if (one) claims.set(id, one);
      return row;
    });
    for (const one of claims.values()) one.calls += 1;
    this.#puts.add(put);
    try {
      await this.#connection.call("put", { rows, values, dimension }, { transfer: [values.buffer] });
      for (const [id, one] of claims) if (this.#claims.get(id) === one) this.#claims.delete(id);
      this.#certain.dimension = dimension;
      this.#certain.model ??= put.model;
    } catch (error) {
      for (const one of claims.values()) one.calls -= 1;
      // Not those that were removed meanwhile, and perhaps added again, nor those that a later call adds.
      const failed = Array.from(claims).flatMap(([id, one]) => (one.calls === 0 && this.#claims.get(id) === one ? [id] : []));
      // Their rows stay behind without an owner; and, should the worker have put them, without an embedding.
      const left = failed.map((id) => this.#rows.get(id) as number);
      for (const id of failed) this.#forget(id);
      this.#connection.call("remove", Uint32Array.from(left)).catch(() => undefined); // it has no more to say than `error`
      throw error;
    } finally {
      this.#puts.delete(put);
    }
  }

  /** Removes embeddings; how many of the ids had one. */
  async remove(...ids: Id[]): Promise<number> {
    const rows = ids.map((id) => this.#rows.get(id)).filter((row) => row !== undefined);
    for (const id of ids) this.#forget(id);
    if (rows.length === 0) return 0;
    const removed = new Set(rows);
    const done = this.#connection.call("remove", Uint32Array.from(removed));
    if (this.#ids.length - this.#rows.size > Math.max(FEW, this.#rows.size)) this.#compact();
    await done;
    return removed.size;
  }

  /** The embedding of an id; in precision `int8` as near to it as was kept. `undefined` if there is none. */
  async get(id: Id): Promise<Float32Array | undefined> {
    const row = this.#rows.get(id);
    return row === undefined ? undefined : this.#connection.call("read", Uint32Array.of(row));
  }

  /**
   * The embeddings of many ids at once, one after the other in one array, as {@link Embeddings.addMany} takes them.
   *
   * @param ids default: all, in the order of {@link Embeddings.ids}
   * @throws {@link ClipVisionError} `invalid-argument` if there is no embedding of an id; `out-of-memory`, `worker-crashed`, `closed`
   */
  async getMany(ids: Iterable<Id> = this.ids()): Promise<Float32Array> {
    const named = Array.from(ids);
    const rows = Uint32Array.from(named, (id) => {
      const row = this.#rows.get(id);
      if (row === undefined) throw invalid(`There is no embedding of ${JSON.stringify(id)}`);
      return row;
    });
    const values = await this.#connection.call("read", rows);
    if (!values) throw invalid("There is no embedding of one of these ids any more");
    return values;
  }

  /**
   * The `k` embeddings that are nearest to the query by the cosine of the angle between them, the best first; of equal ones
   * the one that was added first. Fewer if there are fewer.
   *
   * @param query an embedding of any length: a photo's, a text's, or one of the collection
   * @param k default: 10
   * @throws {@link ClipVisionError} `invalid-argument` for a query of another dimension or model, of length 0 or not finite, or a `k`
   * that is not a whole number from 0; `out-of-memory`, `worker-crashed`, `closed`
   */
  async search(query: EmbeddingLike, k = 10, options: SearchOptions<Id> = {}): Promise<SearchMatch<Id>[]> {
    const { threshold = -Infinity, relevance, filter, signal } = options;
    signal?.throwIfAborted();
    const values = checkedQuery(query, k, threshold, this);
    const ids = this.#ids;
    const mask = filter && this.#mask(filter);
    const least = relevance && this.#takeBackground(relevance);
    const argument = { query: values.slice(), k, threshold, ...given({ mask, least: least?.least }, "mask", "least") };
    const [{ rows, scores, chance }] = await Promise.all([this.#connection.call("search", argument, { signal }), least?.sent]);
    return Array.from(rows, (row, i) => {
      const [id, score] = [ids[row] as Id, scores[i] as number];
      return chance ? { id, score, relevance: (score - chance.mean) / chance.spread } : { id, score };
    });
  }

  /** Gives the worker a background that it does not have; the least relevance. */
  #takeBackground({ queries: background, least = 2.65 }: RelevanceOptions): { least: number; sent?: Promise<undefined> } {
    if (typeof least !== "number" || Number.isNaN(least)) throw invalid(`The least relevance must be a number, not ${String(least)}`);
    const { dimension } = this;
    if (background === this.#background || dimension === 0) return { least };
    const { values, models } = packed(background);
    if (values.length === 0) throw invalid("There are no queries to compare with: give the embeddings of some dozens");
    const wrong = values.findIndex((x) => !Number.isFinite(x));
    if (wrong >= 0) throw invalid(`The queries to compare with hold ${String(values[wrong])}`);
    for (const model of models) refuseAnother("A query to compare with", model, this.model ?? model);
    if (values.length % dimension !== 0) {
      throw invalid(`The ${values.length} values of the queries to compare with cannot be divided into embeddings of ${dimension}`);
    }
    for (let at = 0; at < values.length; at += dimension) {
      if (values.subarray(at, at + dimension).every((x) => x === 0)) throw invalid(`Embedding ${at / dimension} of the queries to compare with has no length`);
    }
    this.#background = background;
    const sent = this.#connection.call("background", values, { transfer: [values.buffer] }).catch((error: unknown) => {
      if (this.#background === background) this.#background = undefined; // the next search sends it again
      throw error;
    });
    return { least, sent };
  }

  /**
   * Groups of embeddings that are nearly the same: those that are linked by a cosine from the threshold on, directly or through
   * others (the connected components), the largest group first. Exact: each is compared with every other, so the time grows with
   * the square of their number. Other calls wait meanwhile. From 10,000 embeddings on a second worker takes half of the pairs, where
   * there are two cores, and a copy of the embeddings takes no more than 512 MB; what is found is the same to the bit.
   *
   * @throws {@link ClipVisionError} `invalid-argument`, `out-of-memory`, `worker-crashed`, `closed`
   */
  async nearDuplicates({ threshold = 0.95, signal, onProgress }: NearDuplicatesOptions = {}): Promise<DuplicateGroup<Id>[]> {
    signal?.throwIfAborted();
    if (typeof threshold !== "number" || !(Math.abs(threshold) <= 1)) throw invalid(`The threshold must be a cosine, from -1 to 1, not ${String(threshold)}`);
    const total = (this.size * (this.size - 1)) / 2;
    let told = 0;
    const report = (share: number): void => onProgress?.({ done: (told = Math.max(told, Math.floor(total * share))), total });
    const helper = this.#helper();
    let groups = helper && (await this.#groups(threshold, signal, report, helper).catch((error: unknown) => {
      // One does it alone, where another could not be started, say.
      if (signal?.aborted || this.#connection.ended) throw error;
    }));
    groups ??= await this.#groups(threshold, signal, report);
    onProgress?.({ done: total, total });
    return groups;
  }

  /** The groups, of which half of the pairs are compared by a helper if there is one. */
  async #groups(threshold: number, asked: AbortSignal | undefined, report: (share: number) => void, helper?: Connection): Promise<DuplicateGroup<Id>[]> {
    // What fails in one half ends the other.
    const { controller, unlink } = linkedTo(asked);
    const { signal } = controller;
    let isLoaded = !helper;
    // Rows are numbered as they are now, and the helper gets them as they are now: nothing is awaited in between.
    const saved = helper && this.#connection.call("save", { format: "clip-vision", ...this.#saved() }, { signal });
    const ids = this.#ids;
    // Rows that were removed are compared as well, until they go.
    const all = (ids.length * (ids.length - 1)) / 2;
    const done = [0, 0];
    const linksOf = (connection: Connection, part: 0 | 1): Promise<NearLinks> => {
      const listeners = (pairs: number): void => {
        done[part] = pairs;
        report((done[0]! + done[1]!) / all);
      };
      return connection.call("nearLinks", { threshold, part: [part, helper ? 2 : 1] }, { signal, listeners });
    };
    const first = async (): Promise<NearLinks> => {
      const links = await linksOf(this.#connection, 0);
      if (!isLoaded) throw new ClipVisionError("closed", "The second worker had not started when half of the work was done");
      return links;
    };
    const parts = [first()];
    const copy = async (worker: Connection, file: Promise<Blob>): Promise<NearLinks> => {
      const { count } = await worker.call("load", { blob: await file }, { signal });
      // A row that was refused has a number here and none there: one alone then.
      if (count !== ids.length) throw new ClipVisionError("closed", "The second worker numbers its rows otherwise");
      isLoaded = true;
      return linksOf(worker, 1);
    };
    if (helper && saved) parts.push(copy(helper, saved));
    try {
      const { labels, similarities } = await this.#connection.call("nearGroups", await Promise.all(parts), { signal });
      const groups = Array.from(similarities, (similarity): DuplicateGroup<Id> => ({ ids: [], similarity }));
      labels.forEach((label, row) => groups[label]?.ids.push(ids[row] as Id));
      return groups;
    } finally {
      controller.abort();
      unlink();
      helper?.end(new ClipVisionError("closed", "The second worker is done"));
    }
  }

  /**
   * The collection as a file: by default in the package's own format, which keeps everything to the bit, with checksums;
   * `"npy"` for NumPy (embeddings alone, in the order of {@link Embeddings.ids}), `"arrow"` for pyarrow, pandas, polars.
   */
  async toBlob(format: CollectionFormat = "clip-vision"): Promise<Blob> {
    checkFormat(format);
    return this.#connection.call("save", { format, ...this.#saved() });
  }

  /**
   * Saves the collection in the origin's private file system, from where {@link Embeddings.loadFromOpfs} loads it. What was
   * there by this name is replaced at the end, in one step.
   *
   * @throws {@link ClipVisionError} `unsupported-browser` where there is none, `out-of-memory` if it is full
   */
  async saveToOpfs(name: string, format: CollectionFormat = "clip-vision"): Promise<void> {
    checkName(name);
    checkFormat(format);
    return this.#connection.call("saveToOpfs", { name, format, ...this.#saved() });
  }

  /** Ends the worker, which frees the memory. Pending calls reject with `closed`, and so does every later one. */
  close(): void {
    this.#connection.end(new ClipVisionError("closed", "This collection was closed"));
  }

  /** A second worker for a search of many pairs, where there is a core for it, and memory for its copy of the rows. */
  #helper(): Connection | undefined {
    const { hardwareConcurrency = 1 } = (globalThis.navigator ?? {}) as Partial<Navigator>;
    const bytes = this.#ids.length * this.dimension * (this.#precision === "int8" ? 1 : 4);
    if (hardwareConcurrency < 2 || this.size < MANY || bytes > MOST_COPIED || !this.#connection.isParallel) return undefined;
    try {
      return this.#connect();
    } catch {
      return undefined;
    }
  }

  /** What is saved beside the rows. */
  #saved(): { ids: Id[]; model?: string } {
    return { ids: this.#compact(), ...given({ model: this.model }, "model") };
  }

  #forget(id: Id): void {
    this.#rows.delete(id);
    this.#claims.delete(id);
  }

  #mask(filter: (id: Id) => boolean): Uint8Array {
    const mask = new Uint8Array(this.#ids.length);
    for (const [id, row] of this.#rows) if (filter(id)) mask[row] = 1;
    return mask;
  }

  /** Asks for rows to be compacted, and numbers them as they will be from that request on; the ids in their order. */
  #compact(): Id[] {
    const ids = this.ids();
    if (ids.length < this.#ids.length) {
      const claims = Uint32Array.from(this.#claims.keys(), (id) => this.#rows.get(id) as number);
      this.#connection.call("compact", claims).catch(() => undefined); // the next call tells
      this.#ids = ids.slice();
      ids.forEach((id, row) => this.#rows.set(id, row));
    }
    return ids;
  }
}

/** What a call says of the embeddings that it adds, and what is known of all. */
interface Promised {
  dimension: number;
  model: string | undefined;
}

/** An id's first embedding is on its way: in so many calls. */
interface Claim {
  calls: number;
}

function first<T>(all: Iterable<T>, fits: (one: T) => boolean = () => true): T | undefined {
  for (const one of all) if (fits(one)) return one;
  return undefined;
}

/** Not of the class itself, since older browsers have no such symbols. */
export interface Embeddings<Id extends EmbeddingId = EmbeddingId> {
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

publish(Embeddings, "Embeddings");

/** What a collection that was loaded begins with, by the options that its constructor gets: no one else has them. */
const loading = new WeakMap<object, { connection: Connection; rows: Map<EmbeddingId, number>; given: Pick<EmbeddingsOptions, "worker"> }>();

function connect({ worker }: EmbeddingsOptions): Connection {
  const place = platform();
  if (place) return new Connection(() => place.createSearchWorker(worker));
  if (worker) return new Connection(worker);
  if (typeof Worker !== "function") {
    const what = "There are no workers here, as in a service worker: give the collection { worker: inPlace }, from clip-vision/search/in-place";
    throw new ClipVisionError("unsupported-browser", what);
  }
  return new Connection(startSearchWorker);
}
