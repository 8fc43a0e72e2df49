/** What the files of a model are called, in a folder or on the Hub, by their roles (`WireModel` in `protocol.ts`). */
export const FILE_NAMES = {
  config: "config.json",
  preprocessor: "preprocessor_config.json",
  processor: "processor_config.json",
  weights: "model.safetensors",
  index: "model.safetensors.index.json",
  tokenizer: "tokenizer.json",
  vocab: "vocab.json",
  merges: "merges.txt",
} as const;
