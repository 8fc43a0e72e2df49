/** The files of a model's tokenizer. */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES, type Role } from "../shared/model_files.js";
import type { ModelLoading, Reading } from "./loading.js";

/** The tokenizer's files beside the weights, by name; none where the weights have to carry them along. */
export async function tokenizerFiles(loading: ModelLoading, reading: Reading): Promise<Record<string, Uint8Array>> {
  const read = (role: Role) => loading.small(role, reading);
  const json = await read("tokenizer");
  if (json) return { [FILE_NAMES.tokenizer]: json };
  const [vocab, merges] = [await read("vocab"), await read("merges")];
  if (vocab && merges) return { [FILE_NAMES.vocab]: vocab, [FILE_NAMES.merges]: merges };
  const pieces = await read("wordPieces");
  if (pieces) return { [FILE_NAMES.tokenizer]: await (await loading.host.seldom()).tokenizerJson(pieces, await read("tokenizerConfig")) };
  if (loading.load.model.config) throw withoutTokenizer();
  return {};
}

export const withoutTokenizer = (): ClipVisionError => {
  const { tokenizer, vocab, merges, wordPieces } = FILE_NAMES;
  return new ClipVisionError("config", `The model has no tokenizer: neither ${tokenizer}, nor ${vocab} and ${merges}, nor ${wordPieces}`);
};
