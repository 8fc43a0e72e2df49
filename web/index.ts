/**
 * CLIP image embeddings in a web page, computed by Rust in a Web Worker.
 *
 * ```ts
 * import { ClipVision } from "clip-vision";
 *
 * const clip = await ClipVision.load("owner/name");
 * const embedding = await clip.embed(photo);
 * clip.close();
 * ```
 *
 * Importing this module touches no global of the browser: it is safe where pages are rendered on a server.
 *
 * @packageDocumentation
 */

export { deleteCached, listCached } from "./page/cached.js";
export type { CachedModel } from "./page/cached.js";
export { ClipVisionError } from "./shared/errors.js";
export type { ClipVisionErrorCode } from "./shared/errors.js";
export { ClipVision } from "./page/clip_vision.js";
export type { Classification, PhotoOrEmbedding } from "./page/calls.js";
export type { Latest } from "./page/latest.js";
export type {
  BlobOptions,
  CacheOptions,
  CallOptions,
  CancelOptions,
  ClassifyOptions,
  EmbedOptions,
  EmbedTextOptions,
  Limits,
  LoadOptions,
  TextOptions,
} from "./page/options.js";
export type { DecodingOptions, PhotoDecoder } from "./page/decoding.js";
export type { EmbedManyOptions, ManyProgress, ManyResult, PhotoSources } from "./page/embed_many.js";
export type { FileSource, HubOptions, ModelFiles, ModelSource } from "./page/model.js";
export { models } from "./page/models.js";
export type { KnownModel, ModelDownload, PublishedAccuracy } from "./page/models.js";
export type { PhotoSource } from "./page/photo.js";
export type {
  ClipVisionInfo,
  Decoder,
  Device,
  EmbeddingDetails,
  FetchPurpose,
  FileProgress,
  Floats,
  GpuInfo,
  GpuRefusal,
  LoadProgress,
  LoadWarning,
  ModelOptions,
  PhotoLimits,
  PixelTensor,
  Precision,
  RawPixels,
  StoredPrecision,
  Task,
  Rgb,
  TableMode,
  TextDetails,
  Timings,
} from "./shared/protocol.js";
