/** Measures one tower on one device, whatever computes it. */

/** What computes a tower's embeddings of noise. */
export interface Contender {
  /** One embedding, and how many milliseconds the model took for it. */
  embed(): Promise<{ embedding: Float32Array; time: number }>;
  /** So many, in batches. */
  embedMany(count: number): Promise<void>;
}

/** What was measured, in milliseconds. */
export interface Measured {
  /** With the weights at hand. */
  load: number;
  /** The first embedding. */
  first: number;
  /** One photo at a time, the median. */
  one: number;
  /** A photo of many. */
  many: number;
  embedding: Float32Array;
}

export const BATCH = 16;
/** Photos that are measured one by one, and together; fewer once so many milliseconds have gone by. */
const ONE_BY_ONE = 15;
const TOGETHER = 64;
const ENOUGH = 20_000;

/** Loads and measures; `doing` hears what is done. */
export async function measure(load: () => Promise<Contender>, doing: (what: string) => void): Promise<Measured> {
  doing("loading");
  let begin = performance.now();
  const since = (): number => performance.now() - begin;
  const contender = await load();
  const loaded = since();
  begin = performance.now();
  const { embedding } = await contender.embed();
  const first = since();

  doing("one by one");
  const times: number[] = [];
  for (begin = performance.now(); times.length < ONE_BY_ONE && since() < ENOUGH; ) times.push((await contender.embed()).time);
  times.sort((a, b) => a - b);
  const one = times[times.length >> 1] ?? NaN;

  doing("together");
  const count = Math.max(2, Math.min(TOGETHER, Math.floor(ENOUGH / one)));
  // Once to make what passes of this size need.
  await contender.embedMany(Math.min(BATCH, count));
  begin = performance.now();
  await contender.embedMany(count);
  return { load: loaded, first, one, many: since() / count, embedding };
}

/** A square photo that shows nothing. */
export function noise(edge: number): { data: Uint8Array; width: number; height: number; channels: 3 } {
  const data = new Uint8Array(3 * edge * edge);
  let state = 7;
  for (let index = 0; index < data.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[index] = state >>> 24;
  }
  return { data, width: edge, height: edge, channels: 3 };
}
