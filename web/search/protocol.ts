/**
 * What the page asks of a collection's worker (`shared/rpc.ts` has the messages). Types only.
 *
 * The page numbers the rows: it alone knows whose they are. Calls are answered in their order; `cancel` overtakes them.
 */

import type { Answer } from "../shared/rpc.js";
import type { Matches } from "./collection.js";
import type { RowPrecision } from "./engine.js";
import type { NearGroups, NearLinks } from "./near.js";
import type { Chance } from "./relevance.js";
import type { CollectionFormat, EmbeddingId } from "./file.js";

/** What a file held; without ids where it has none. */
export interface LoadedCollection extends Partial<SavedWith> {
  precision: RowPrecision;
  /** 0 if there were no rows. */
  dimension: number;
  count: number;
}

/** What is saved beside the rows. */
export interface SavedWith {
  ids: readonly EmbeddingId[];
  /** The model that made the embeddings, if that is known. */
  model?: string;
}

/** Each call by its name: what it takes and what it gives. */
export interface SearchCalls {
  /** An empty collection. First of all, or else `load`. */
  open: { argument: RowPrecision; result: undefined };
  /** A collection of a file's rows; with a precision other than its own they are converted. */
  load: { argument: { blob: Blob; precision?: RowPrecision }; result: LoadedCollection };
  /** The same of a file in the origin's private file system. */
  loadFromOpfs: { argument: { name: string; precision?: RowPrecision }; result: LoadedCollection };
  put: { argument: { rows: Uint32Array; values: Float32Array; dimension: number }; result: undefined };
  remove: { argument: Uint32Array; result: undefined };
  /**
   * Moves the rows that are left together, in their order: they get new numbers. Those given are left even if nothing is in
   * them: the page does not know yet that they could not be put.
   */
  compact: { argument: Uint32Array; result: undefined };
  /** Rows, one after the other; nothing if nothing is in one of them. */
  read: { argument: Uint32Array; result: Float32Array | undefined };
  /** With `least` only rows of that relevance, by the background that was given before. */
  search: {
    argument: { query: Float32Array; k: number; threshold: number; mask?: Uint8Array; least?: number };
    result: Matches & { chance?: Chance };
  };
  /** Queries, one after the other, that tell what chance is. */
  background: { argument: Float32Array; result: undefined };
  /** Of all pairs one part of so many. */
  nearLinks: { argument: { threshold: number; part: readonly [part: number, parts: number] }; result: NearLinks };
  /** Of the links of all parts. */
  nearGroups: { argument: readonly NearLinks[]; result: NearGroups };
  /** The rows, which have been compacted, with their ids and model, as a file; without those in which nothing is. */
  save: { argument: { format: CollectionFormat } & SavedWith; result: Blob };
  saveToOpfs: { argument: { name: string; format: CollectionFormat } & SavedWith; result: undefined };
}

/** How far a long call is. */
export interface SearchProgress {
  type: "progress";
  id: number;
  done: number;
}

/** Worker -> page. */
export type SearchResponse = Answer<SearchCalls> | SearchProgress;
