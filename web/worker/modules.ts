/** Models whose `config.json` does not say all: which they are, and what sentence-transformers' other files are called. */

/** The file that lists the modules. */
export const MODULES = "modules.json";
/** What says how long texts may be. */
export const LIMITS: readonly string[] = ["sentence_bert_config.json", "sentence_distilbert_config.json", "tokenizer_config.json"];

/** Whether a file is one of sentence-transformers', by the name that its checksum is given with. */
export const isOfModules = (name: string): boolean => name === MODULES || LIMITS.includes(name) || name.includes("/");

/** Whether a `config.json` is that of a model that has more to read beside it. */
export function needsOthers(config: Uint8Array): boolean {
  try {
    const { model_type: type } = (JSON.parse(new TextDecoder().decode(config)) ?? {}) as Record<string, unknown>;
    return ["distilbert", "chinese_clip", "siglip"].includes(String(type));
  } catch {
    return false; // the engine says what is wrong
  }
}
