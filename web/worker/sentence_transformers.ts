/**
 * sentence-transformers' files: `modules.json` lists what a text goes through, each with a configuration of its own. The engine takes
 * them bundled into one (`src/model/sentence_transformers.rs`).
 */

import { ClipVisionError } from "../shared/errors.js";
import { LIMITS, MODULES } from "./modules.js";

/** Modules are four at most. */
const MOST_FOLDERS = 8;

type Keys = Record<string, unknown>;

/** Reads a file by its name beside `config.json`; `undefined` if there is none. */
export type ReadModule = (name: string) => Promise<Uint8Array | undefined>;

/**
 * The files of a model as one configuration, by what `read` finds of their names beside `config.json`; `config` itself where there
 * are no others. Throws `config`.
 */
export async function bundled(config: Uint8Array, read: ReadModule): Promise<Uint8Array> {
  const modules = parsed(MODULES, await read(MODULES));
  if (modules === undefined) return config; // the engine says what is missing
  const folders = (Array.isArray(modules) ? (modules as Keys[]) : []).flatMap((module) => folderOf(module?.["path"]));
  const names = [...LIMITS, ...folders.slice(0, MOST_FOLDERS).map((folder) => `${folder}/config.json`)];
  const files = await Promise.all(names.map(async (name) => [name, parsed(name, await read(name))] as const));
  const found = Object.fromEntries(files.filter(([, file]) => file !== undefined));
  const all = { model_type: "sentence_transformers", [MODULES]: modules, "config.json": parsed("config.json", config), ...found };
  return new TextEncoder().encode(JSON.stringify(all));
}

/** A folder beside `config.json`. */
function folderOf(path: unknown): string[] {
  return typeof path === "string" && /^[\w-][\w.-]*$/.test(path) ? [path] : [];
}

function parsed(name: string, file: Uint8Array | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(file));
  } catch (cause) {
    throw new ClipVisionError("config", `${name} is not JSON`, { cause });
  }
}
