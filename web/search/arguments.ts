/** What an application hands to a collection, checked. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { answerOf, checkStatus, shortUrl } from "../shared/files.js";
import { platform } from "../shared/platform.js";
import { absoluteUrl, copied, isBlob, isBuffer, isUrl, tagOf } from "../shared/values.js";
import type { EmbeddingId } from "./file.js";
import type { EmbeddingsSource } from "./options.js";

/**
 * A saved collection, wherever it is: as a Blob, which a browser may keep on disk, and which goes to the worker by reference.
 */
export async function blobOf(source: EmbeddingsSource, signal: AbortSignal | undefined): Promise<Blob> {
  if (isBlob(source)) return source.slice(); // a plain one: Node 20 sends no File to a thread
  if (isBuffer(source)) return new Blob([copied(source)]);
  if (tagOf(source) === "FileSystemFileHandle") return (source as FileSystemFileHandle).getFile();
  if (typeof source !== "string" && !isUrl(source)) throw invalid(`A collection is loaded from a URL, a Blob, bytes or a file handle, not from ${tagOf(source)}`);
  const url = absoluteUrl(source, (text) => `"${shortUrl(text)}" is not a URL`).href;
  const response = await answerOf("the embeddings", url, () => (platform()?.fetch ?? fetch)(url, signal ? { signal } : {}), signal);
  checkStatus(response, url);
  try {
    return await response.blob();
  } catch (cause) {
    throw signal?.aborted ? signal.reason : new ClipVisionError("fetch", `${shortUrl(url)} broke off`, { cause });
  }
}

/** Embeddings in one array, which is ours. */
export function packed(embeddings: Float32Array | Iterable<Float32Array>): Float32Array<ArrayBuffer> {
  if (tagOf(embeddings) === "Float32Array") return new Float32Array(embeddings as Float32Array);
  const all = Array.from(embeddings as Iterable<Float32Array>);
  all.forEach((one, i) => {
    if (tagOf(one) !== "Float32Array") throw invalid(`Embedding ${i} must be a Float32Array, not ${tagOf(one)}`);
    if (one.length !== all[0]?.length) throw invalid(`Embedding ${i} has ${one.length} values, and embedding 0 has ${all[0]?.length}`);
  });
  const values = new Float32Array(all.length * (all[0]?.length ?? 0));
  all.forEach((one, i) => values.set(one, i * one.length));
  return values;
}

/** Throws unless all are strings or finite numbers, and, if they have to be, different. */
export function checkIds(ids: readonly unknown[], mayRepeat = false): asserts ids is EmbeddingId[] {
  ids.forEach((id, i) => {
    if (typeof id === "string" || (typeof id === "number" && Number.isFinite(id))) return;
    throw invalid(`Id ${i} must be a string or a finite number, not ${typeof id === "number" ? id : tagOf(id)}`);
  });
  const distinct = mayRepeat ? undefined : new Set(ids);
  if (!distinct || distinct.size === ids.length) return;
  const seen = new Set();
  const repeated = ids.find((id) => seen.size === seen.add(id).size);
  throw invalid(`The id ${JSON.stringify(repeated)} is there more than once`);
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
