/** A limit that both ends of a collection know: its page and its worker. */

/** Letters of the name of a collection's model. */
export const LONGEST_MODEL = 1_000;
