/** A component of a `tokenizer.json`. */
export type Component = Record<string, unknown> & { type: string };
