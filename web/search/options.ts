/** What an application may ask of a collection, and what it is answered. */

import type { WorkerLike } from "../shared/worker_like.js";
import type { RowPrecision } from "./engine.js";
import type { EmbeddingId } from "./file.js";

/** An embedding's values: those of `clip.embed`, or any array of numbers. */
export type EmbeddingValues = Float32Array | readonly number[];

/** An embedding, or one with what is known of it: the details that `clip.embed` gives, say. */
export type EmbeddingLike = EmbeddingValues | { readonly embedding: EmbeddingValues; readonly model?: string };

/** Options of `Embeddings`. */
export interface EmbeddingsOptions {
  /**
   * The model that makes the embeddings: `clip.info.model`, or a name of your own for it. It is saved with them; an embedding said
   * to be of another model is refused, and so is a file that is. Default: that of the file, or of the first embedding that
   * says so; without one nothing is refused.
   */
  model?: string;
  /** Values of each embedding. Default: those of the first one that is added. */
  dimension?: number;
  /**
   * How embeddings are kept: `"f32"`, as they are, or `"int8"`, in a quarter of the memory and scaled to length 1; ranks
   * then differ where scores are within a percent or so. Default `"f32"`; of a file that is loaded, its own.
   */
  precision?: RowPrecision;
  /**
   * Starts a worker whose script is this package's `search_worker.js`, for an application that serves it from a place of its own.
   * Default: the file beside this module, which bundlers find. Where there are no workers,
   * as in a service worker: `inPlace` of `clip-vision/search/in-place`, with which all is computed in place.
   */
  worker?: () => WorkerLike;
}

/** Options of `Embeddings.load`. */
export interface LoadEmbeddingsOptions extends Omit<EmbeddingsOptions, "dimension"> {
  /** The embeddings' ids, in the order of the rows, for a file without them. Default: those of the file, else 0, 1, 2, …. */
  ids?: Iterable<EmbeddingId>;
  /** Cancels the load; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What tells a hit from chance: see docs/search.md. */
export interface RelevanceOptions {
  /**
   * Embeddings of some dozens of other queries, of the kind that is asked: labels, captions, earlier searches. It does not matter
   * whether there is something in the collection that they fit, as long as each fits few. They are looked at again when it is
   * another list: keep one.
   */
  background: Iterable<EmbeddingLike>;
  /** The least relevance of a match. Higher leaves out more. Default 2.65. */
  least?: number;
}

/** Options of `Embeddings.search`. */
export interface SearchOptions<Id extends EmbeddingId = EmbeddingId> {
  /** The least cosine of a match. Default: any. */
  threshold?: number;
  /** Leaves out what is no nearer to the query than chance has it, so that nothing is found where nothing is. Default: nothing is. */
  relevance?: RelevanceOptions;
  /** Which embeddings are searched. Called once for each of them, on the page, before the search begins. Default: all. */
  filter?: (id: Id) => boolean;
  /** Cancels the search; its promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of `Embeddings.nearDuplicates`. */
export interface NearDuplicatesOptions {
  /** The least cosine of two that are linked. Default 0.95: CLIP's embeddings of one photo, rescaled or recompressed. */
  threshold?: number;
  /** Called some times a second, and at the end. */
  onProgress?: (progress: DuplicateProgress) => void;
  /** Cancels the search; its promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** An embedding that was found. */
export interface SearchMatch<Id extends EmbeddingId = EmbeddingId> {
  /** The id that it was added by. */
  id: Id;
  /** The cosine of the angle to the query: 1 is the same direction. */
  score: number;
  /**
   * With `relevance`: by how many times the spread of chance the score is above the query's mean. Absent where there are fewer than
   * 16 embeddings, or all alike, so that there is no chance to compare with; nothing is left out then.
   */
  relevance?: number;
}

/** Embeddings that are nearly the same. */
export interface DuplicateGroup<Id extends EmbeddingId = EmbeddingId> {
  /** Their ids, in the order in which they were added. */
  ids: Id[];
  /** The cosine of the weakest link that holds them together: with a threshold above it, the group would fall apart. */
  similarity: number;
}

/** How far `Embeddings.nearDuplicates` is. */
export interface DuplicateProgress {
  /** Pairs of embeddings that were compared. It never goes back. */
  done: number;
  /** Pairs in all. */
  total: number;
}

/** A saved collection: a URL, a Blob or File, bytes, or a file handle (a file that the user picked). */
export type EmbeddingsSource = string | URL | Blob | ArrayBuffer | ArrayBufferView | FileSystemFileHandle;
