/** sentence-transformers' files: `modules.json` lists what a text goes through, each with a configuration of its own. */

import type { ReadJson } from "./bundle.js";
import { LIMITS, MODULES } from "./modules.js";

/** Modules are four at most. */
const MOST_FOLDERS = 8;

type Keys = Record<string, unknown>;

/** The files of a model as one configuration (`src/model/sentence_transformers.rs`); `undefined` where there is no `modules.json`. */
export async function modules(config: Keys, read: ReadJson): Promise<Keys | undefined> {
  const list = await read(MODULES);
  if (list === undefined) return undefined;
  const folders = (Array.isArray(list) ? (list as Keys[]) : []).flatMap((module) => folderOf(module?.["path"]));
  const names = [...LIMITS, ...folders.slice(0, MOST_FOLDERS).map((folder) => `${folder}/config.json`)];
  const files = await Promise.all(names.map(async (name) => [name, await read(name)] as const));
  const found = Object.fromEntries(files.filter(([, file]) => file !== undefined));
  return { model_type: "sentence_transformers", [MODULES]: list, "config.json": config, ...found };
}

/** A folder beside `config.json`. */
function folderOf(path: unknown): string[] {
  return typeof path === "string" && /^[\w-][\w.-]*$/.test(path) ? [path] : [];
}
