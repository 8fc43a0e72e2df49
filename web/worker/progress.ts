/** How far all files of a load have come together. */

import type { FileProgress, LoadProgress } from "../shared/protocol.js";
import type { FileReport, Report } from "./feed.js";

/** Milliseconds between two reports. */
const REPORT_EVERY = 50;

/**
 * Adds the overall figure to what is said of each file, and passes on no more than a page can show: nothing twice, and of one
 * file about twenty times a second.
 *
 * @param now milliseconds from any fixed point
 */
export function overallProgress(now: () => number, post: (progress: LoadProgress) => void): Report {
  const files = new Map<string, FileReport>();
  let overall = 0;
  let last: { at: number } & Partial<FileProgress> = { at: -Infinity };
  return ({ after, ...progress }, always = false) => {
    const at = now();
    const { file, loaded, total, cached } = progress;
    files.delete(file); // what came last stands last
    files.set(file, { ...progress, ...(after !== undefined && { after }) });
    const isNew = file !== last.file || loaded !== last.loaded || total !== last.total || cached !== last.cached;
    const isDue = always || loaded === total || file !== last.file || at - last.at >= REPORT_EVERY;
    if (!isNew || !isDue) return;
    last = { at, ...progress };
    overall = Math.max(overall, shareOf(files.values()));
    post({ ...progress, overall });
  };
}

/**
 * Nothing until it is known how long the weights are: they are nearly all of it. Where they are in several files, the last one that
 * was begun says how much comes after it.
 */
function shareOf(files: Iterable<FileReport>): number {
  let [loaded, total, coming, isKnown] = [0, 0, 0, false];
  for (const file of files) {
    if (file.total === undefined) continue;
    isKnown ||= file.stage === "weights";
    coming = file.after ?? coming;
    loaded += file.loaded;
    total += file.total;
  }
  total += coming;
  return isKnown && total > 0 ? loaded / total : 0;
}
