/** Numbers as a language writes them. */

/** Whole numbers: "352", "20,352". The browser's own tables take 20 ms to come at a page's start, and small numbers need none. */
export const whole = (language: string, n: number): string => (Math.abs(n) < 1000 ? String(n) : n.toLocaleString(language));

/** With so many digits after the point, or what the language has in its place. */
export const decimal = (language: string, n: number, digits: number): string =>
  n.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
