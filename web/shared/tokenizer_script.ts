/** The name under which the tokenizer's script leaves its function for the worker that fetched it. */
export const TOKENIZER = "__clipVisionTokenizer";
