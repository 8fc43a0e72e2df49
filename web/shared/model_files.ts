/** The files of a model, by their roles (`WireModel` in `protocol.ts`). */

import { beside, nameOf } from "./files.js";
import type { WireFile, WireModel } from "./protocol.js";

/** What they are called, in a folder or on the Hub. */
export const FILE_NAMES = {
  config: "config.json",
  preprocessor: "preprocessor_config.json",
  processor: "processor_config.json",
  weights: "model.safetensors",
  index: "model.safetensors.index.json",
  tokenizer: "tokenizer.json",
  vocab: "vocab.json",
  merges: "merges.txt",
  wordPieces: "vocab.txt",
  tokenizerConfig: "tokenizer_config.json",
} as const;

/** What open_clip calls its own. Its configuration says how photos are prepared, too. */
export const OPEN_CLIP = { config: "open_clip_config.json", weights: "open_clip_model.safetensors" } as const;

/** The same model in the files that open_clip writes, beside those of transformers; `undefined` where nothing is beside. */
export function openClipOf(model: WireModel): WireModel | undefined {
  const { config, weights, preprocessor: _, processor: __, index: ___, ...tokenizer } = model;
  if (!config || !("url" in config) || !("url" in weights)) return undefined;
  return { ...tokenizer, config: { url: beside(config.url, OPEN_CLIP.config) }, weights: { url: beside(weights.url, OPEN_CLIP.weights) } };
}

/** What a file is to its model. */
export type Role = keyof typeof FILE_NAMES;

/** The files of a tokenizer that the engine carries along: the first, or else the two others. */
export const TOKENIZER = ["tokenizer", "vocab", "merges"] as const;

/** All that a tokenizer is read of: the first of these groups that is there, with what is there of it. */
export const TOKENIZERS = [["tokenizer"], ["vocab", "merges"], ["wordPieces", "tokenizerConfig"]] as const;

/** A file's own name. */
export const nameOfFile = (file: WireFile): string => ("blob" in file ? file.name : nameOf(file.url));

const SHARD = "shard:";

/** What a file of the weights' index is known by, as its siblings are by their roles. */
export const shardKey = (name: string): string => `${SHARD}${name}`;

/** Of {@link shardKey}s and roles that were read: the ONNX file that has the vision tower; `undefined` where none has. */
export function onnxFileOf(keys: readonly string[]): string | undefined {
  const key = keys.find((key) => key.startsWith(SHARD) && /^onnx\/(vision_)?model[^/]*\.onnx$/.test(key.slice(SHARD.length)));
  return key?.slice(SHARD.length);
}

/** The address of a file by its role, or by its {@link shardKey}; `undefined` where it has none. */
export function addressOf(model: WireModel, key: string): string | undefined {
  const shard = key.startsWith(SHARD);
  const file = shard ? model.weights : model[key as Role];
  if (!file || !("url" in file)) return undefined;
  return shard ? beside(file.url, key.slice(SHARD.length)) : file.url;
}
