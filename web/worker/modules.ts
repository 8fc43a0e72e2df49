/** Models of sentence-transformers, whose `config.json` does not say all: which they are, and what their other files are called. */

/** The file that lists the modules. */
export const MODULES = "modules.json";
/** What says how long texts may be. */
export const LIMITS: readonly string[] = ["sentence_bert_config.json", "tokenizer_config.json"];

/** Whether a file is one of such a model, by the name that its checksum is given with. */
export const isOfModules = (name: string): boolean => name === MODULES || LIMITS.includes(name) || name.includes("/");

/** Whether a `config.json` is that of such a model. */
export function needsModules(config: Uint8Array): boolean {
  try {
    return (JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown> | null)?.["model_type"] === "distilbert";
  } catch {
    return false; // the engine says what is wrong
  }
}
