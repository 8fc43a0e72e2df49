/**
 * Answers a collection's calls, one after the other: in a worker of its own (`search_worker.ts`, `node/search_worker.ts`), or where
 * there are no workers in place (`in_place.ts`).
 */

import { ClipVisionError, messageOf } from "../shared/errors.js";
import type { Call, Post, ResultOf } from "../shared/rpc.js";
import { RpcServer } from "../shared/rpc_server.js";
import { given, hexOf } from "../shared/values.js";
import { nextTurn } from "../shared/waiting.js";
import { ARROW_MAGIC, CONTINUATION, readArrow, writeArrow } from "./arrow_file.js";
import { Collection } from "./collection.js";
import type { RowPrecision } from "./engine.js";
import { broken, checkRows, FileReading, unsupported, type CollectionFormat, type EmbeddingId, type RowsRead } from "./file.js";
import { NPY_MAGIC, readNpy, writeNpy } from "./npy_file.js";
import { Background } from "./relevance.js";
import { OWN_MAGIC, readOwn, readOwnHeader, writeOwn } from "./own_file.js";
import type { LoadedCollection, SavedWith, SearchCalls, SearchResponse } from "./protocol.js";

type Result = ResultOf<SearchCalls>;

/** Milliseconds that a long computation goes on before it listens to messages. */
const SLICE = 20;

/** A server of one collection; `post` sends a message back. */
export function searchServer(post: Post<SearchResponse>): RpcServer<SearchCalls> {
  const rows = new Rows();
  return new RpcServer<SearchCalls>({
    inOrder: true,
    post,
    async run(call, signal) {
      // What is undone by forgetting the answer is not begun; what the page counts on is done.
      if (call.type === "search" || call.type === "nearLinks") signal.throwIfAborted();
      try {
        const result = await rows.run(call, signal, (done) => post({ type: "progress", id: call.id, done }, []));
        return [result, buffersOf(result)];
      } catch (error) {
        throw coded(error);
      }
    },
  });
}

/** Calls after which chance is another. */
const CHANGES: ReadonlySet<keyof SearchCalls> = new Set<keyof SearchCalls>(["load", "loadFromOpfs", "put", "remove", "compact", "background"]);

/** The rows, and what is done with them. */
class Rows {
  #precision: RowPrecision = "f32";
  #collection: Collection | undefined;
  #queries = new Float32Array();
  /** Of the rows as they are and these queries; made when it is asked for. */
  #background: Background | undefined;

  async run(request: Call<SearchCalls>, signal: AbortSignal, report: (done: number) => void): Promise<Result> {
    if (CHANGES.has(request.type)) this.#background = undefined;
    switch (request.type) {
      case "open":
        this.#precision = request.argument;
        return undefined;
      case "load":
        return this.#load(request.argument.blob, request.argument.precision, signal);
      case "loadFromOpfs": {
        const { name, precision } = request.argument;
        return this.#load(await readOpfs(name), precision, signal);
      }
      case "put": {
        const { rows, values, dimension } = request.argument;
        return this.#ready().put(rows, values, dimension) as undefined;
      }
      case "remove":
        return this.#ready().remove(request.argument) as undefined;
      case "compact":
        return this.#ready().compact(request.argument) as undefined;
      case "read":
        return this.#ready().readAll(request.argument);
      case "search": {
        const { query, k, threshold, mask, least } = request.argument;
        const collection = this.#ready();
        const chance = least === undefined ? undefined : (this.#background ??= new Background(collection, this.#queries)).of(query);
        const floor = chance && least !== undefined ? Math.max(threshold, chance.mean + least * chance.spread) : threshold;
        return { ...collection.search(query, k, floor, mask), ...(chance && { chance }) };
      }
      case "background":
        this.#queries = request.argument as Float32Array<ArrayBuffer>;
        return undefined;
      case "nearLinks":
        return this.#nearLinks(request.argument, signal, report);
      case "nearGroups":
        return this.#ready().groupsOf(request.argument);
      case "save":
        return this.#save(request.argument.format, request.argument);
      case "saveToOpfs": {
        const { name, format } = request.argument;
        return (await writeOpfs(name, this.#save(format, request.argument))) as undefined;
      }
    }
  }

  async #nearLinks({ threshold, part }: SearchCalls["nearLinks"]["argument"], signal: AbortSignal, report: (done: number) => void): Promise<Result> {
    const groups = this.#ready().nearLinks(threshold, part);
    let [listened, reported] = [performance.now(), 0];
    for (;;) {
      const step = groups.next();
      if (step.done) return step.value;
      if (performance.now() - listened < SLICE) continue;
      await nextTurn();
      signal.throwIfAborted();
      listened = performance.now();
      if (step.value > reported) report((reported = step.value));
    }
  }

  #save(format: CollectionFormat, { ids, ...rest }: SavedWith): Blob {
    const rows = this.#ready();
    const saved = { ...rest, ids: ids.filter((_, row) => rows.has(row)) };
    const collection = saved.ids.length === rows.count ? rows : rows.withoutEmpty();
    switch (format) {
      case "npy":
        return new Blob([...writeNpy(collection)], { type: "application/octet-stream" });
      case "arrow":
        return new Blob([...writeArrow(collection, saved)], { type: "application/vnd.apache.arrow.file" });
      case "clip-vision":
        return new Blob(writeOwn(collection, saved), { type: "application/octet-stream" });
    }
  }

  async #load(blob: Blob, wanted: RowPrecision | undefined, signal: AbortSignal): Promise<LoadedCollection> {
    const file = new FileReading(blob, signal);
    const start = await file.read(0, Math.min(8, file.size), "anything");
    const begins = (magic: Uint8Array): boolean => start.length >= magic.length && magic.every((byte, i) => byte === start[i]);
    if (begins(OWN_MAGIC)) return this.#loadOwn(file, wanted);
    if (begins(NPY_MAGIC)) return this.#loadRows(readNpy(file), wanted);
    if (begins(ARROW_MAGIC) || begins(CONTINUATION)) return this.#loadRows(readArrow(file), wanted);
    const hex = hexOf(start, " ");
    throw unsupported(hex ? `it is not a file of this package, .npy or Arrow: it begins with ${hex}` : "it is empty");
  }

  async #loadOwn(file: FileReading, wanted: RowPrecision | undefined): Promise<LoadedCollection> {
    const stored = new Collection("f32");
    const header = await readOwnHeader(file, stored.engine);
    const { dimension, count } = header;
    const precision = wanted ?? header.precision;
    const read = header.precision === "f32" ? stored : new Collection(header.precision);
    const saved = await readOwn(file, header, read);
    this.#collection = read;
    if (precision !== read.precision) {
      this.#collection = new Collection(precision);
      for (let first = 0; first < count; first += CONVERTED) {
        append(this.#collection, read.readRows(first, Math.min(CONVERTED, count - first)), dimension);
      }
    }
    return { precision, dimension, count, ...saved };
  }

  async #loadRows(rows: AsyncIterable<RowsRead>, precision: RowPrecision = "f32"): Promise<LoadedCollection> {
    const collection = new Collection(precision);
    const ids: EmbeddingId[] = [];
    let named = false;
    let model: string | undefined;
    for await (const part of rows) {
      const { count } = collection;
      const added = part.dimension > 0 ? part.values.length / part.dimension : 0;
      if (part.ids && part.ids.length !== added) {
        throw broken(`it has ${part.ids.length} ids for the ${added} embeddings from row ${count} on`);
      }
      if (part.values.length > 0) {
        if (count > 0 && collection.dimension !== part.dimension) {
          throw broken(`its embeddings have ${collection.dimension} values, but ${part.dimension} from row ${count} on`);
        }
        checkRows(count + added, part.dimension);
        append(collection, part.values, part.dimension);
      }
      model ??= part.model;
      named ||= part.ids !== undefined;
      for (const id of part.ids ?? []) ids.push(id);
    }
    this.#collection = collection;
    return { precision, dimension: collection.dimension, count: collection.count, ...(named && { ids }), ...given({ model }, "model") };
  }

  #ready(): Collection {
    return (this.#collection ??= new Collection(this.#precision));
  }
}

/** Rows that are converted in one go. */
const CONVERTED = 1024;

/** Appends a file's rows. */
function append(collection: Collection, values: Float32Array, dimension: number): void {
  const { count } = collection;
  try {
    collection.put(Uint32Array.from({ length: values.length / dimension }, (_, i) => count + i), values, dimension);
  } catch (error) {
    if (!(error instanceof ClipVisionError) || error.code !== "invalid-argument") throw error;
    throw broken(`of the rows from ${count} on: ${error.message}`, error);
  }
}

/** What is not coded is a bug, or memory that could not be had. */
function coded(error: unknown): unknown {
  if (error instanceof RangeError && /memory|alloc|length/i.test(error.message)) {
    return new ClipVisionError("out-of-memory", `There is not enough memory for this: ${error.message}`, { cause: error });
  }
  return error;
}

const buffersOf = (result: Result): Transferable[] =>
  Object.values(ArrayBuffer.isView(result) ? [result] : (result ?? {})).flatMap((value: unknown) =>
    ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [],
  );

// ------------------------------------------------------------------------------------ the origin's private file system

async function opfs(): Promise<FileSystemDirectoryHandle> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  if (typeof storage?.getDirectory !== "function") {
    throw new ClipVisionError("unsupported-browser", "There is no private file system (OPFS) here: it needs https or localhost");
  }
  try {
    return await storage.getDirectory();
  } catch (cause) {
    const what = "The private file system (OPFS) could not be opened, as in some private windows";
    throw new ClipVisionError("unsupported-browser", what, { cause });
  }
}

async function readOpfs(name: string): Promise<Blob> {
  const folder = await opfs();
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch (cause) {
    const why = messageOf(cause);
    throw new ClipVisionError("fetch", `"${name}" can't be read from the private file system: ${why}`, { cause });
  }
}

async function writeOpfs(name: string, blob: Blob): Promise<void> {
  const folder = await opfs();
  try {
    const handle = await folder.getFileHandle(name, { create: true });
    // Written beside the file and put in its place at the end: a crash leaves the old one.
    const stream = await handle.createWritable();
    await blob.stream().pipeTo(stream);
  } catch (cause) {
    const why = messageOf(cause);
    const full = cause instanceof Error && cause.name === "QuotaExceededError";
    const what = `"${name}" can't be written to the private file system: ${why}`;
    throw new ClipVisionError(full ? "out-of-memory" : "unsupported-browser", what, { cause });
  }
}
