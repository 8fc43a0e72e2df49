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

type Keys = Record<string, unknown>;

/**
 * The files of a model as one configuration, by what `read` finds of their names beside `config.json`; `config` itself where it needs
 * no others. Throws `config`.
 */
export async function bundled(config: Uint8Array, read: ReadBeside): Promise<Uint8Array> {
  const keys = parsed(FILE_NAMES.config, config) as Keys;
  const readJson = async (name: string) => parsed(name, await read(name));
  const taken = { chinese_clip: longest, siglip: padding }[String(keys["model_type"])];
  const bundle = await (taken ? withTokenizers(keys, taken, readJson) : modules(keys, readJson));
  return bundle ? new TextEncoder().encode(JSON.stringify(bundle)) : config; // the engine says what is missing
}

/** A configuration with what is taken of the tokenizer's; `undefined` where that is nothing. */
async function withTokenizers(config: Keys, taken: (tokenizer: Keys) => Keys | undefined, read: ReadJson): Promise<Keys | undefined> {
  const tokenizer = taken(((await read(FILE_NAMES.tokenizerConfig)) ?? {}) as Keys);
  return tokenizer && { ...config, [FILE_NAMES.tokenizerConfig]: tokenizer };
}

/** The tokens that it allows a text. One without a limit has a number beyond all sizes. */
function longest({ model_max_length }: Keys): Keys | undefined {
  return Number.isSafeInteger(model_max_length) && Number(model_max_length) >= 0 ? { model_max_length } : undefined;
}

/** What it fills up texts with, where it gives that token an id. */
function padding({ pad_token, added_tokens_decoder }: Keys): Keys | undefined {
  const textOf = (token: unknown) => (typeof token === "string" ? token : (token as Keys | null | undefined)?.["content"]);
  const content = textOf(pad_token);
  const [id] = Object.entries(added_tokens_decoder ?? {}).find(([, token]) => textOf(token) === content) ?? [];
  if (typeof content !== "string" || id === undefined) return undefined;
  return { pad_token: content, added_tokens_decoder: { [id]: { content } } };
}

function parsed(name: string, file: Uint8Array | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(file));
  } catch (cause) {
    throw new ClipVisionError("config", `${name} is not JSON`, { cause });
  }
}
