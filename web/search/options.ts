/** What an application may ask of a collection, and what it is answered. */

import type { WorkerLike } from "../shared/worker_like.js";
import type { RowPrecision } from "./engine.js";
import type { EmbeddingId } from "./file.js";

/** An embedding's values: those of `clip.embed`, or any array of numbers. */
export type EmbeddingValues = Float32Array | readonly number[];

/** An embedding, alone or in an object that may name its model, such as the details that `clip.embed` gives. */
export type EmbeddingLike = EmbeddingValues | { readonly embedding: EmbeddingValues; readonly model?: string };

/** Options of `Embeddings`. */
export interface EmbeddingsOptions {
  /**
   * The model that makes the embeddings: `clip.info.model`, or a name of your own. It is saved with them. Embeddings and
   * files that name another model are refused. Default: the name in the file, or in the first embedding that has
   * one; as long as there is none, nothing is refused.
   */
  model?: string;
  /** How many values an embedding has. Default: as many as the first one that is added. */
  dimension?: number;
  /**
   * How embeddings are kept: `"f32"`, as they are, or `"int8"`, in a quarter of the memory and scaled to length 1. With
   * `"int8"`, matches whose scores are within a percent or so may change places. Default `"f32"`, or what a loaded file has.
   */
  precision?: RowPrecision;
  /**
   * Starts a worker that runs this package's `search_worker.js`, for applications that serve it from a place of their own.
   * Default: the file beside this module, which bundlers find. Where there are no workers, as in a service worker, give
   * `inPlace` from `clip-vision/search/in-place`, which computes in the calling thread.
   */
  worker?: () => WorkerLike;
}

/** What a collection is refused for. */
export interface CollectionLimits {
  /** The most bytes that are read from an address; of more the promise rejects with `too-large`. Default 2 GiB. */
  maxBytes?: number;
}

/** Options of `Embeddings.load`. */
export interface LoadEmbeddingsOptions extends Omit<EmbeddingsOptions, "dimension"> {
  /** The embeddings' ids in the order of the rows, for files that have none. Default: the file's own, or else 0, 1, 2, …. */
  ids?: Iterable<EmbeddingId>;
  /** What is refused. */
  limits?: CollectionLimits;
  /** Cancels the load; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** How to tell a match from chance: see docs/search.md. */
export interface RelevanceOptions {
  /**
   * The embeddings of a few dozen other queries of the kind that people ask: labels, captions, earlier searches. They may
   * match something in the collection, as long as each matches only a few embeddings. Pass the same list every time:
   * another list is read and measured again.
   */
  queries: Iterable<EmbeddingLike>;
  /** The least relevance that counts as a match; a higher value leaves out more. Default 2.65. */
  least?: number;
}

/** Options of `Embeddings.search`. */
export interface SearchOptions<Id extends EmbeddingId = EmbeddingId> {
  /** The least cosine that counts as a match. Default: no limit. */
  threshold?: number;
  /** Leaves out what is no nearer to the query than by chance, so that a search for what isn't there finds nothing. Default: off. */
  relevance?: RelevanceOptions;
  /** Which embeddings to search. Called once for each of them, on the page, before the search begins. Default: all. */
  filter?: (id: Id) => boolean;
  /** Cancels the search; its promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of `Embeddings.nearDuplicates`. */
export interface NearDuplicatesOptions {
  /** The least cosine at which two embeddings are linked. Default 0.95, which CLIP's embeddings of one photo reach after scaling or recompression. */
  threshold?: number;
  /** Called several times a second, and at the end. */
  onProgress?: (progress: DuplicateProgress) => void;
  /** Cancels the search; its promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** An embedding that was found. */
export interface SearchMatch<Id extends EmbeddingId = EmbeddingId> {
  /** The id that it was added under. */
  id: Id;
  /** The cosine of the angle to the query: 1 is the same direction. */
  score: number;
  /**
   * With the option `relevance`: how far the score is above the query's mean, in multiples of the spread that chance alone
   * gives. Absent if there are fewer than 16 embeddings or all are alike: then there is nothing to compare with, and
   * nothing is left out.
   */
  relevance?: number;
}

/** Embeddings that are nearly the same. */
export interface DuplicateGroup<Id extends EmbeddingId = EmbeddingId> {
  /** Their ids, in the order in which they were added. */
  ids: Id[];
  /** The cosine of the weakest link that holds the group together: with a higher threshold it would fall apart. */
  similarity: number;
}

/** How far `Embeddings.nearDuplicates` is. */
export interface DuplicateProgress {
  /** Pairs of embeddings compared so far; never decreases. */
  done: number;
  /** Pairs in all. */
  total: number;
}

/** A saved collection: a URL, a Blob or File, bytes, or a file handle (a file that the user picked). */
export type EmbeddingsSource = string | URL | Blob | ArrayBuffer | ArrayBufferView | FileSystemFileHandle;
