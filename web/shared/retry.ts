/** Trying again after failures that pass: lost connections, servers that are busy. */

/** Waits; rejects with the signal's reason if that comes first. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** How often a request is made without getting any further, before its failure counts. */
export const TRIES = 5;
/** Milliseconds before the second try; doubled before each that follows. */
const FIRST_PAUSE = 250;
/** A server that wants a longer pause than this is not waited for. */
const LONGEST_PAUSE = 30_000;

/** Whether a status may be another one soon. */
export const isPassing = (status: number): boolean => status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);

/** Milliseconds to wait after the failure number `failures`, from 1 on, or `undefined` if it is not worth it. */
export function pauseAfter(failures: number, response?: Response): number | undefined {
  if (failures >= TRIES) return undefined;
  const asked = retryAfter(response);
  if (asked !== undefined) return asked <= LONGEST_PAUSE ? asked : undefined;
  // Spread, so that those who were turned away together don't come back together.
  return FIRST_PAUSE * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
}

/** Retry-After, in milliseconds: seconds or a date. */
function retryAfter(response: Response | undefined): number | undefined {
  const text = response?.headers.get("retry-after");
  if (!text) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The {@link Sleep} of a worker. */
export const sleep: Sleep = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const wake = () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", giveUp, { once: true });
  });
