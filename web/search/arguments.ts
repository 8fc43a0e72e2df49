/** What an application hands to a collection, checked. */

import { invalid } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";
import { platform } from "../shared/platform.js";
import { absoluteUrl, copied, isBlob, isBuffer, isUrl, tagOf } from "../shared/values.js";
import { nextTurn } from "../shared/waiting.js";
import { checkMost, downloaded, MOST_BYTES } from "./download.js";
import type { EmbeddingId } from "./file.js";
import { LONGEST_MODEL } from "./limits.js";
import type { EmbeddingsSource } from "./options.js";

/**
 * A saved collection, wherever it is: as a Blob, which a browser may keep on disk, and which goes to the worker by reference.
 *
 * @param most bytes that an address may have
 */
export async function blobOf(source: EmbeddingsSource, signal: AbortSignal | undefined, most = MOST_BYTES): Promise<Blob> {
  checkMost(most);
  const own = (blob: Blob) => platform()?.ownBlob(blob) ?? blob;
  if (isBlob(source)) return own(source.slice()); // a plain one: Node 20 sends no File to a thread
  if (isBuffer(source)) return own(new Blob([copied(source)]));
  if (tagOf(source) === "FileSystemFileHandle") return (source as FileSystemFileHandle).getFile();
  if (typeof source !== "string" && !isUrl(source)) throw invalid(`A collection is loaded from a URL, a Blob, bytes or a file handle, not from ${tagOf(source)}`);
  const url = absoluteUrl(source, (text) => `"${shortUrl(text)}" is not a URL`).href;
  return downloaded(url, most, signal);
}

/** Values of an embedding, or of a matrix; `what` they are is for the error. */
export function valuesOf(value: unknown, what: string): Float32Array {
  const tag = tagOf(value);
  if (tag === "Float32Array") return value as Float32Array;
  if (tag === "Promise") throw invalid(`${what} is a promise: await it`);
  if (!Array.isArray(value)) throw invalid(`${what} must be a Float32Array or an array of numbers, not ${tag}`);
  const wrong = (value as unknown[]).findIndex((x) => typeof x !== "number");
  if (wrong >= 0) throw invalid(`Value ${wrong} of ${what} must be a number, not ${tagOf(value[wrong])}`);
  return Float32Array.from(value as number[]);
}

/** An embedding's values, and the model that it is said to be of. */
export function partsOf(value: unknown, what: string): { values: Float32Array; model: string | undefined } {
  if (typeof value !== "object" || value === null || !("embedding" in value)) return { values: valuesOf(value, what), model: undefined };
  const { embedding, model } = value as { embedding: unknown; model?: unknown };
  return { values: valuesOf(embedding, what), model: checkModel(model, `The model of ${what}`) };
}

/** Throws unless there is no model, or it has a name that a file has room for. */
export function checkModel(model: unknown, what: string): string | undefined {
  if (model === undefined || (typeof model === "string" && model !== "" && model.length <= LONGEST_MODEL)) return model;
  throw invalid(`${what} must be a text of 1 to ${LONGEST_MODEL} letters, not ${typeof model === "string" ? `one of ${model.length}` : tagOf(model)}`);
}

/** Embeddings in one array, which is ours, and the models that they are said to be of. */
export function packed(embeddings: unknown): { values: Float32Array<ArrayBuffer>; models: Set<string> } {
  const models = new Set<string>();
  if (tagOf(embeddings) === "Promise") throw invalid("The embeddings are a promise: await it");
  if (tagOf(embeddings) === "Float32Array") return { values: new Float32Array(embeddings as Float32Array), models };
  if (typeof (embeddings as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== "function" || typeof embeddings === "string") {
    throw invalid(`Embeddings must be a Float32Array or a list, not ${tagOf(embeddings)}`);
  }
  const given = Array.from(embeddings as Iterable<unknown>);
  if (typeof given[0] === "number") return { values: new Float32Array(valuesOf(given, "the embeddings")), models };
  const all = given.map((one, i) => {
    const { values, model } = partsOf(one, `embedding ${i}`);
    if (model !== undefined) models.add(model);
    return values;
  });
  all.forEach((one, i) => {
    if (one.length !== all[0]?.length) throw invalid(`Embedding ${i} has ${one.length} values, and embedding 0 has ${all[0]?.length}`);
  });
  const values = new Float32Array(all.length * (all[0]?.length ?? 0));
  all.forEach((one, i) => values.set(one, i * one.length));
  return { values, models };
}

/** Throws unless an embedding has values, all of them finite. */
export function checkEmbedding(embedding: Float32Array, what: string): void {
  if (embedding.length === 0) throw invalid(`${what} is empty`);
  const wrong = embedding.findIndex((x) => !Number.isFinite(x));
  if (wrong >= 0) throw invalid(`Value ${wrong} of ${what} is ${String(embedding[wrong])}`);
}

/** Throws where an embedding or a file is of another model than a collection's. */
export function refuseAnother(what: string, model: string | undefined, expected: string): void {
  if (model === expected) return;
  throw invalid(`${what} is of the model "${model}", and this collection of "${expected}": their embeddings can't be compared`);
}

/**
 * A query's values, which a collection can be asked for.
 *
 * @throws {@link ClipVisionError} `invalid-argument` for one of another dimension or model, of length 0 or not finite, for a `k` that is
 * not a whole number from 0, and a threshold that is no number
 */
export function checkedQuery(
  query: unknown,
  k: number,
  threshold: number,
  collection: { readonly dimension: number; readonly model: string | undefined },
): Float32Array {
  const { values, model } = partsOf(query, "the query");
  checkEmbedding(values, "the query");
  if (collection.model !== undefined && model !== undefined) refuseAnother("The query", model, collection.model);
  checkCount(k, "k");
  if (typeof threshold !== "number" || Number.isNaN(threshold)) throw invalid(`The threshold must be a number, not ${String(threshold)}`);
  if (collection.dimension !== 0 && values.length !== collection.dimension) {
    throw invalid(`A query of ${values.length} values for embeddings of ${collection.dimension}`);
  }
  if (values.every((x) => x === 0)) throw invalid("A query of zeros has no direction to search in");
  return values;
}

/** Throws unless `value` is a whole number from 0. */
export function checkCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(`${what} must be a whole number from 0, not ${String(value)}`);
}

/** How many rows of `dimension` a number of values is. */
export function rowsOf(values: number, dimension: number): number {
  if (!Number.isSafeInteger(dimension) || dimension < 1) throw invalid(`A dimension must be a whole number from 1, not ${String(dimension)}`);
  if (values % dimension !== 0) throw invalid(`${values} values cannot be divided into rows of ${dimension}`);
  return values / dimension;
}

/** Throws unless the id at `i` is a string or a finite number. */
export function checkId(id: unknown, i: number): asserts id is EmbeddingId {
  if (typeof id === "string" || (typeof id === "number" && Number.isFinite(id))) return;
  throw invalid(`Id ${i} must be a string or a finite number, not ${typeof id === "number" ? id : tagOf(id)}`);
}

/** Ids that are numbered between two looks at the clock. */
const FEW = 1024;
/** Milliseconds in one go: the page's own thread does it. */
const SLICE = 10;

/**
 * The row of each id; without ids that of each number from 0 on. Millions take seconds: the page, and the signal, have their
 * turns meanwhile.
 *
 * @throws {@link ClipVisionError} `invalid-argument` unless all are strings or finite numbers, and different
 */
export async function rowsById(
  ids: readonly unknown[] | undefined,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Map<EmbeddingId, number>> {
  const rows = new Map<EmbeddingId, number>();
  let since = performance.now();
  for (let row = 0; row < count; row += 1) {
    if (row % FEW === 0 && performance.now() - since > SLICE) {
      await nextTurn();
      signal?.throwIfAborted();
      since = performance.now();
    }
    const id = ids ? ids[row] : row;
    checkId(id, row);
    if (rows.set(id, row).size === row) throw invalid(`The id ${JSON.stringify(id).slice(0, 200)} is there more than once`);
  }
  return rows;
}

export function checkPrecision(precision: unknown): void {
  if (precision !== "f32" && precision !== "int8") throw invalid(`precision must be f32 or int8, not ${String(precision)}`);
}

export function checkFormat(format: unknown): void {
  if (format === "clip-vision" || format === "npy" || format === "arrow") return;
  throw invalid(`The format must be clip-vision, npy or arrow, not ${String(format)}`);
}

export function checkName(name: unknown): void {
  if (typeof name === "string" && name !== "" && !/[\\/]/.test(name) && name !== "." && name !== "..") return;
  throw invalid(`The name must be that of a file, without slashes, not ${JSON.stringify(name)}`);
}
