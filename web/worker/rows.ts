/**
 * Rows of a table of tokens that was left in its file: a text needs some ten of the 256,000 or more of a multilingual model.
 * They are read by ranges when the text comes, and kept; the next text asks for what is new.
 */

import { ClipVisionError } from "../shared/errors.js";
import { readRange, type ByteRange, type Source } from "../shared/sources.js";
import { eachOf } from "../shared/waiting.js";
import type { EngineModel } from "./engine.js";
import { Semaphore } from "./semaphore.js";

/** Ranges that are asked for at the same time: as many as HTTP/1 has connections. */
const AT_ONCE = 6;

/** Reads the rows of tokens that are not known yet, and says how many bytes that took. */
export type ReadRows = (ids: Uint32Array, signal: AbortSignal) => Promise<number>;

/**
 * @param run runs a piece of Rust
 * @param open the table's file
 * @param fresh hears of each range that was read
 */
export function rowReader(
  run: <T>(work: () => T) => T,
  model: EngineModel,
  open: () => Source,
  fresh?: (at: number, bytes: Uint8Array) => void,
): ReadRows {
  // One text at a time, so that two that share a token don't both ask for it.
  const turn = new Semaphore(1);
  return async (ids, signal) => {
    await turn.enter(signal);
    try {
      const flat = run(() => model.wantedRows(ids));
      const ranges = Array.from({ length: flat.length / 2 }, (_, index): ByteRange => [flat[2 * index]!, flat[2 * index + 1]!]);
      let read = 0;
      await eachOf(ranges, AT_ONCE, signal, async (range, stop) => {
        const [start, end] = range;
        const bytes = new Uint8Array(end - start);
        const source = open();
        const reached = await readRange(source, range, stop, (at, piece) => bytes.set(piece, at - start));
        if (reached < end) throw new ClipVisionError("weights", `${source.name} is cut short: a row of its table of tokens ends beyond it`);
        run(() => model.addRows(range[0], bytes));
        fresh?.(range[0], bytes);
        read += bytes.byteLength;
      });
      return read;
    } finally {
      turn.leave();
    }
  };
}
