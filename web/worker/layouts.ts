/** Files that are not transformers' usual ones: open_clip's, and weights in several that an index names, in those of modules, in ONNX files. */

import { ClipVisionError } from "../shared/errors.js";
import { explained, nameOf } from "../shared/files.js";
import { addressOf, FILE_NAMES, nameOfFile, openClipOf, shardKey } from "../shared/model_files.js";
import type { EngineLoader } from "./engine.js";
import type { Configured, FeedFrom, ModelLoading, Reading } from "./loading.js";
import { MODULES } from "./modules.js";

/**
 * The settings of a folder whose `config.json` is not there: open_clip's, whose files the model has from then on.
 *
 * @param error that it is not there, thrown again where open_clip's are not either
 */
export async function openClipConfigured(loading: ModelLoading, reading: Reading, error: unknown): Promise<Configured> {
  const { load } = loading;
  const { config } = load.model;
  if (!openClipOf(load.model) || !config || nameOfFile(config) !== FILE_NAMES.config) throw error;
  loading.seen = {};
  loading.openClip();
  const checksums = await loading.checksums();
  const found = await loading.small("config", { ...reading, checksums }).catch(() => undefined);
  if (found) return { files: { config: found }, checksums };
  [loading.load, loading.layout] = [load, undefined];
  throw error;
}

/** How far a loader has come. */
export interface Others {
  reading: Reading;
  feedFrom: FeedFrom;
  /** Whether the weights are ONNX files. */
  onnx: boolean;
  /** Whether it has had the first file, and there are more. */
  hasFirst: boolean;
  /** That the usual file is not there, if it was looked for. */
  missing: unknown;
}

/** Gives a loader the files that it wants besides the usual one, or in its place. */
export async function feedOthers(loading: ModelLoading, loader: EngineLoader, { reading, feedFrom, onnx, hasFirst, missing }: Others): Promise<void> {
  const { checksums } = reading;
  const feedShard = () => {
    const name = loading.run(() => loader.file());
    const url = addressOf(loading.load.model, shardKey(name));
    if (url === undefined) throw new ClipVisionError("weights", "Weights in several files are read beside an address only");
    // Two modules of a model may have files of one name.
    return feedFrom({ url }, shardKey(name), name.endsWith(`/${FILE_NAMES.weights}`) ? name : nameOf(url));
  };
  /** The files that `list` names, of which the first has to be there if there are `any`. */
  const feedAll = async (list: string, any: boolean) => {
    for (let isNext = any; isNext || loading.run(() => loader.nextFile()); isNext = false) {
      await feedShard().catch((error: unknown) => {
        throw loading.isHttpError(error) ? explained(error, `It has weights of the model, as ${list} says`) : error;
      });
    }
  };
  if (hasFirst) return feedAll(MODULES, true);
  const json = onnx ? undefined : await loading.small("index", reading);
  if (json) {
    loading.run(() => loader.setIndex(json));
    checksums?.takeIndex(json);
    checksums?.checkNames();
    await feedShard();
  } else {
    checksums?.takeOnnx();
    checksums?.checkNames();
    if (!(await feedOnnx(loading, loader, reading, feedShard))) throw missing ?? withoutWeights(loading.load.name, checksums?.onnx);
  }
  await feedAll(json ? FILE_NAMES.index : loading.weights, false);
}

/** Gives a loader the first of the ONNX files that suit best of those that are there; `false` if none is. */
async function feedOnnx(loading: ModelLoading, loader: EngineLoader, { checksums }: Reading, feedShard: () => Promise<void>): Promise<boolean> {
  for (const names of loading.run(() => loader.onnxFiles())) {
    const [first = "", ...others] = names.split("\n");
    if (checksums?.onnx && ![first, ...others].every((name) => checksums.has(nameOf(name)))) continue;
    loading.run(() => loader.setOnnxFiles(names));
    try {
      await feedShard();
      return true;
    } catch (error) {
      if (!loading.isMissing(error, { url: addressOf(loading.load.model, shardKey(first)) ?? "" })) throw error;
    }
  }
  return false;
}

function withoutWeights(name: string, checked: boolean | undefined): ClipVisionError {
  const what = checked ? "none of the ONNX files that a checksum was given for" : "no ONNX file of this part of the model";
  return new ClipVisionError("weights", `"${name}" has ${what}`);
}
