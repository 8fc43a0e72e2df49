/** Numbers as a language writes them. */

/** Whole numbers: "352", "20,352". The browser's own tables take 20 ms to come at a page's start, and small numbers need none. */
export const whole = (language: string, n: number): string => (Math.abs(n) < 1000 ? String(n) : n.toLocaleString(language));
