// Measurements as Markdown.

const DASH = "–";

/** Milliseconds with three digits that mean something. */
export function milliseconds(value) {
  if (!Number.isFinite(value)) return DASH;
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** "186 (184–189)": median and quartiles. */
export const spread = ({ median, low, high }) => `${milliseconds(median)} (${milliseconds(low)}–${milliseconds(high)})`;

export const ratio = (value) => (Number.isFinite(value) ? value.toFixed(2) : DASH);

/** Megabytes (10⁶ bytes). */
export const megabytes = (bytes) => (Number.isFinite(bytes) ? (bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0) : DASH);

/** A cosine near 1: as many digits as show its distance from 1. */
export function nearOne(value) {
  if (!Number.isFinite(value)) return DASH;
  const digits = Math.min(8, Math.max(4, 2 - Math.floor(Math.log10(Math.max(1e-9, 1 - value)))));
  return value.toFixed(digits);
}

/** Rows of cells; a cell that is null or undefined is a dash. The first column is text, the others are aligned right. */
export function table(columns, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell ?? DASH).replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = `|${columns.map((_, index) => (index === 0 ? "---" : "---:")).join("|")}|`;
  return [line(columns), rule, ...rows.map(line)].join("\n");
}

/** A section's result: title, table, what could not be run, and remarks. */
export function markdown({ title, columns, rows, skipped = [], notes = [] }) {
  const parts = [`### ${title}`, table(columns, rows)];
  if (skipped.length) parts.push(skipped.map(({ name, reason }) => `- skipped: ${name}: ${reason}`).join("\n"));
  return [...parts, ...notes].join("\n\n");
}
