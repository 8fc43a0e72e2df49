/** Numbers and names as people read them; a number and its unit stay on one line. */

const round = (value: number, digits: number): string => value.toFixed(digits).replace(/^-/, "\u2212");

/** "96 kB", "1.5 MB", "605 MB": decimal units, as browsers and file managers on most systems have them. */
export function bytes(count: number): string {
  if (count < 1000) return `${count}\u00a0bytes`;
  const units = ["kB", "MB", "GB"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(value < 9.95 ? 1 : 0)}\u00a0${units[unit]}`;
}

/** "0.4 ms", "12 ms", "1.3 s". */
export function duration(milliseconds: number): string {
  if (milliseconds >= 999.5) return `${(milliseconds / 1000).toFixed(1)}\u00a0s`;
  return `${milliseconds.toFixed(milliseconds < 9.95 ? 1 : 0)}\u00a0ms`;
}

/** A similarity with two decimals and a real minus sign; never "−0.00". */
export function similarity(value: number): string {
  const text = round(value, 2);
  return text === "\u22120.00" ? "0.00" : text;
}

/** A probability in whole percent; "< 1 %" is not nothing. */
export function percent(fraction: number): string {
  return fraction > 0 && fraction < 0.005 ? "<\u00a01\u00a0%" : `${Math.round(100 * fraction)}\u00a0%`;
}

/** A value of an embedding, with three decimals. */
export const component = (value: number): string => round(value, 3);

/** "1 photo", "3 photos". */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** A file's name short enough for a label: its end, which tells most, survives. */
export function shortName(name: string, most = 28): string {
  if (name.length <= most) return name;
  const tail = Math.floor((most - 1) * 0.4);
  return `${name.slice(0, most - 1 - tail)}\u2026${name.slice(-tail)}`;
}
