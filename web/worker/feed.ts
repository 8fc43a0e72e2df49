/** Gives a loader the weights, file by file and piece by piece, and checks what has to have a certain sha256. */

import { ClipVisionError, isCoded } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";
import type { FileProgress } from "../shared/protocol.js";
import type { Sink, Source } from "../shared/sources.js";
import { given } from "../shared/values.js";
import type { Hash } from "./checksums.js";
import { guarded, type Engine, type EngineLoader } from "./engine.js";

/** Bytes that are read on for the checksum's sake once a file is refused; of a longer one the loader's error is told. */
const READ_ON = 2 ** 30;

/** How far a file has come. */
export interface FileReport extends FileProgress {
  /** Bytes of the weights' files that come after this one, about. */
  after?: number;
}

/** Tells a caller how far files have come. */
export type Report = (progress: FileReport, always?: boolean) => void;

/** One file on its way into a loader. */
export interface Feed {
  engine: Engine;
  loader: EngineLoader;
  source: Source;
  /** Its address, for errors: Rust knows none. */
  url?: string;
  hash?: Hash | undefined;
  /** Called after each piece. */
  after?: () => void;
}

/**
 * Gives a loader what it wants of one file. One whose checksum is to be compared is read whole, even where the loader
 * refuses it: that the file is not the one that was meant says more than what is wrong with it. But no more than
 * {@link READ_ON}: a loader refuses what has more bytes than its header says, and a server may send them without end.
 */
export async function feed({ engine, loader, source, url, hash, after }: Feed, report: Report, signal: AbortSignal): Promise<void> {
  let [loaded, total, most] = [0, Infinity, Infinity];
  let refused: unknown;
  /** Runs a piece of the loader, until it refuses the file. */
  const give = (work: () => void) => {
    if (refused !== undefined) return;
    try {
      guarded(engine, work);
    } catch (error) {
      if (!hash || !isCoded(error)) throw error;
      refused = error;
      most = loaded + READ_ON;
    }
  };
  const tell = (always = false) => {
    const left = hash ? total - loaded : guarded(engine, () => loader.left());
    const known = left !== undefined && Number.isFinite(left);
    const after = guarded(engine, () => loader.leftAfter());
    report({ stage: "weights", file: source.name, loaded, ...(known && { total: loaded + left }), ...given({ after }, "after") }, always);
  };
  const wanted = () => guarded(engine, () => loader.wanted()) as [number, number] | undefined;
  const sink: Sink = {
    wanted: hash ? () => (loaded < Math.min(total, most) ? [loaded, Infinity] : undefined) : wanted,
    take: (offset, piece) => {
      give(() => loader.push(offset, piece));
      hash?.update(piece);
      loaded += piece.byteLength;
      if (refused === undefined) after?.();
      tell();
    },
    size: (bytes) => {
      total = bytes;
      give(() => loader.setSize(bytes));
    },
  };
  tell();
  try {
    await source.read(sink, signal);
    if (loaded < most || loaded === total) hash?.check();
    if (refused !== undefined) throw refused;
    if (wanted()) throw new ClipVisionError("weights", `the file is cut short: it has ${total} bytes`);
  } catch (error) {
    if (!isCoded(error) || error.code !== "weights" || url === undefined) throw error;
    throw new ClipVisionError("weights", `${shortUrl(url)}: ${error.message}`, { cause: error });
  }
  tell(true);
}
