/** How the text tower gets into the engine, beside the vision tower that is there (`loading.ts`). */

import { ClipVisionError } from "../shared/errors.js";
import { addressOf, FILE_NAMES, shardKey, TOKENIZER } from "../shared/model_files.js";
import { LARGE_TABLE } from "../shared/sizes.js";
import type { Source } from "../shared/sources.js";
import type { EngineLoader, EngineModel } from "./engine.js";
import type { Report } from "./feed.js";
import { KeptRows, RowsPlace } from "./kept_rows.js";
import type { ModelLoading } from "./loading.js";
import { rowReader, type ReadRows } from "./rows.js";
import type { LoadedText } from "./texts.js";
import { tokenizerFiles, withoutTokenizer } from "./tokenizer_files.js";

/** Loads the text tower into a model, and gives its tokenizer's files. */
export async function loadText(loading: ModelLoading, model: EngineModel, report: Report, signal: AbortSignal): Promise<LoadedText> {
  loading.run(() => model.textLoader()).free(); // throws for a model without a text tower, before anything is read
  return loading.part("text", signal, {
    fromCache: async (blob, record) => {
      const loader = await loading.refill(() => model.textLoader(), blob, record.parts.text?.checksum, { report, signal });
      return setText(loading, model, loader, undefined);
    },
    fromServer: async (record) => {
      const checksums = await loading.checksums();
      const files = await tokenizerFiles(loading, { report, signal, checksums });
      const filled = async () => {
        try {
          return await loading.fill(() => textLoader(loading, model), { part: "text", record, checksums, files, report, signal });
        } catch (error) {
          throw loading.isChanged(error) ? await outdated(loading, error) : error;
        }
      };
      const text = setText(loading, model, await filled(), files);
      if (!text.readRows || loading.ranged) return text;
      // Only now it is known that the server has no ranges: the table is read with the tower.
      return setText(loading, model, await filled(), files);
    },
  });
}

/** A loader of a model's text tower, which leaves a large table of tokens where it is if rows can be read of it. */
function textLoader({ load, ranged }: ModelLoading, model: EngineModel): EngineLoader {
  const loader = model.textLoader();
  const { table, integrity } = load;
  if (table !== "whole" && !integrity && ranged) loader.leaveTableOver(table === "ranges" ? 0 : LARGE_TABLE);
  return loader;
}

function setText(loading: ModelLoading, model: EngineModel, loader: EngineLoader, read: Record<string, Uint8Array> | undefined): LoadedText {
  const info = loading.run(() => model.setText(loader)); // takes the loader, and frees it
  loading.gpu?.hasText();
  const [json, vocab, merges] = TOKENIZER.map((role) => info[role] ?? read?.[FILE_NAMES[role]]);
  const files = json ? { json } : vocab && merges && { vocab, merges };
  if (!files) throw withoutTokenizer();
  const { maxTokens, cleaning, filling, rowsFile } = info;
  return { files, maxTokens, cleaning, filling, readRows: rowsFile === undefined ? undefined : keptRowReader(loading, model, rowsFile) };
}

/** Reads rows of the table in a file: from the cache those that it keeps, and it keeps those that are new. */
function keptRowReader(loading: ModelLoading, model: EngineModel, file: string): ReadRows {
  const place = loading.place && new RowsPlace(loading.place);
  const kept = place && new KeptRows((bytes) => place.save(bytes));
  const read = rowReader((work) => loading.run(work), model, () => tableFile(loading, file), (at, bytes) => kept?.add(at, bytes));
  let restored: Promise<void> | undefined;
  const restore = async () => {
    try {
      for (const [at, bytes] of kept?.restore(await place?.read()) ?? []) loading.run(() => model.addRows(at, bytes));
    } catch (error) {
      if (loading.isCrash(error)) throw error;
      kept?.forget(); // they are damaged, and are read again
    }
  };
  return async (ids, signal) => {
    await (restored ??= restore());
    try {
      return await read(ids, signal);
    } catch (error) {
      throw loading.isChanged(error) ? await outdated(loading, error) : error;
    }
  };
}

/** What a text is told whose file is no longer that of the vision tower that is loaded; nor is what the cache has. */
async function outdated({ place }: ModelLoading, error: ClipVisionError): Promise<ClipVisionError> {
  await place?.remove();
  const advice = "its text tower may not fit the vision tower that is loaded; load the model again";
  return new ClipVisionError("fetch", `${error.message}: ${advice}`, { cause: error });
}

/** The file that the table of tokens was left in, as it was then. */
function tableFile(loading: ModelLoading, name: string): Source {
  const { model } = loading.load;
  const key = name === FILE_NAMES.weights ? "weights" : shardKey(name); // whatever the one file is called
  const url = addressOf(model, key);
  const validators = loading.seen[key];
  return loading.source(url === undefined ? model.weights : { url }, validators ? { validators } : {});
}
