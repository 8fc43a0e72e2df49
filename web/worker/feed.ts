/** Gives a loader the weights, file by file and piece by piece, and checks what has to have a certain sha256. */

import { ClipVisionError, isCoded } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";
import { checkSha256 } from "../shared/integrity.js";
import type { LoadProgress } from "../shared/protocol.js";
import type { Sink, Source } from "../shared/sources.js";
import { guarded, type Engine, type EngineLoader } from "./engine.js";

/** Tells a caller how far files have come. */
export type Report = (progress: LoadProgress, always?: boolean) => void;

/** A sha256 on its way, and what it has to be. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** Throws `integrity`. */
  check(): void;
}

/** The hash of a file that has to have one, by the name that the application gave. */
export function hashOf(engine: Engine, name: string, integrity: Readonly<Record<string, string>> | undefined): Hash | undefined {
  const expected = integrity?.[name];
  if (expected === undefined) return undefined;
  const hash = new engine.Sha256();
  return {
    update: (bytes) => hash.update(bytes),
    check: () => checkSha256(hash.finish(), expected, name),
  };
}

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

/** Gives a loader what it wants of one file. One whose checksum is to be compared is read whole. */
export async function feed({ engine, loader, source, url, hash, after }: Feed, report: Report, signal: AbortSignal): Promise<void> {
  let [loaded, total] = [0, Infinity];
  const tell = (always = false) => {
    const left = hash ? total - loaded : guarded(engine, () => loader.left());
    const known = left !== undefined && Number.isFinite(left);
    report({ stage: "weights", file: source.name, loaded, ...(known && { total: loaded + left }) }, always);
  };
  const wanted = () => guarded(engine, () => loader.wanted()) as [number, number] | undefined;
  const sink: Sink = {
    wanted: hash ? () => (loaded < total ? [loaded, Infinity] : undefined) : wanted,
    take: (offset, piece) => {
      guarded(engine, () => loader.push(offset, piece));
      hash?.update(piece);
      loaded += piece.byteLength;
      after?.();
      tell();
    },
    size: (bytes) => {
      total = bytes;
      guarded(engine, () => loader.setSize(bytes));
    },
  };
  tell();
  try {
    await source.read(sink, signal);
    hash?.check();
    if (wanted()) throw new ClipVisionError("weights", `the file is cut short: it has ${total} bytes`);
  } catch (error) {
    if (!isCoded(error) || error.code !== "weights" || url === undefined) throw error;
    throw new ClipVisionError("weights", `${shortUrl(url)}: ${error.message}`, { cause: error });
  }
  tell(true);
}
