/**
 * Configurations in several files: what `config.json` leaves unsaid of some families stands in files beside it. The engine takes them
 * bundled into one. `src/model/bundle.rs` does the same natively.
 */

import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";
import { modules } from "./sentence_transformers.js";

/** Reads a file by its name beside `config.json`; `undefined` if there is none. */
export type ReadBeside = (name: string) => Promise<Uint8Array | undefined>;
/** The same, as JSON. */
export type ReadJson = (name: string) => Promise<unknown>;

const KEY = "model_max_length";

/**
 * The files of a model as one configuration, by what `read` finds of their names beside `config.json`; `config` itself where it needs
 * no others. Throws `config`.
 */
export async function bundled(config: Uint8Array, read: ReadBeside): Promise<Uint8Array> {
  const keys = parsed(FILE_NAMES.config, config) as Record<string, unknown>;
  const readJson = async (name: string) => parsed(name, await read(name));
  const bundle = await (keys["model_type"] === "chinese_clip" ? withLongest(keys, readJson) : modules(keys, readJson));
  return bundle ? new TextEncoder().encode(JSON.stringify(bundle)) : config; // the engine says what is missing
}

/** A configuration with the tokens that the tokenizer allows a text. One without a limit has a number beyond all sizes. */
async function withLongest(config: Record<string, unknown>, read: ReadJson): Promise<Record<string, unknown> | undefined> {
  const tokenizer = (await read(FILE_NAMES.tokenizerConfig)) as Record<string, unknown> | null | undefined;
  const limit = tokenizer?.[KEY];
  return Number.isSafeInteger(limit) && Number(limit) >= 0 ? { ...config, [FILE_NAMES.tokenizerConfig]: { [KEY]: limit } } : undefined;
}

function parsed(name: string, file: Uint8Array | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(file));
  } catch (cause) {
    throw new ClipVisionError("config", `${name} is not JSON`, { cause });
  }
}
