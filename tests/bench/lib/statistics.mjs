// What many measurements of one thing say.

/** The value below which a `share` (0 to 1) of the values lie, between two values by their distance. */
export function quantile(values, share) {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values) => quantile(values, 0.5);

/** Median and quartiles. */
export const summary = (values) => ({ median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) });

/** The cosine of two embeddings, in double precision; NaN where one is not finite or of another length. */
export function cosine(a, b) {
  if (a.length !== b.length) return NaN;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    ab += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

/** The least of the values; NaN if one is, since Math.min forgets nothing. */
export const worst = (values) => Math.min(...values);
