/**
 * Search among embeddings, wherever they are from: `clip-vision/search`. It loads no model, and nothing that runs one.
 *
 * ```ts
 * import { Embeddings } from "clip-vision/search";
 *
 * const photos = await Embeddings.load("/photos.clip-vision");
 * for (const { id, score } of await photos.search(embedding, 20)) console.log(id, score);
 * ```
 *
 * @packageDocumentation
 */

export { ClipVisionError } from "../shared/errors.js";
export type { ClipVisionErrorCode } from "../shared/errors.js";
export { Embeddings } from "./embeddings.js";
export type {
  CollectionLimits,
  DuplicateGroup,
  DuplicateProgress,
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
export type { RowPrecision } from "./engine.js";
export type { CollectionFormat, EmbeddingId } from "./file.js";
export { cosineSimilarity, quantize, topK } from "./similarity.js";
export type { Matrix, QuantizedMatrix, RowMatch } from "./similarity.js";
