/**
 * The rows of a table of tokens that the cache keeps: all ranges that were read, one after the other, each behind where it
 * begins in the table's file and how long it is, two little-endian float64.
 */

/** Milliseconds without new rows after which they are written. */
const QUIET = 1000;
const HEAD = 16;

type Range = readonly [at: number, bytes: Uint8Array];

/** See the module. */
export class KeptRows {
  readonly #save: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #ranges: Range[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(save: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.#save = save;
  }

  /** Takes a range that was read; a while later all are saved. */
  add(at: number, bytes: Uint8Array): void {
    this.#ranges.push([at, bytes]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(packed(this.#ranges)), QUIET);
  }

  /** Forgets all of them: they are damaged. */
  forget(): void {
    this.#ranges.length = 0;
  }

  /** The ranges that were saved. */
  restore(saved: Uint8Array<ArrayBuffer> | undefined): readonly Range[] {
    if (saved) this.#ranges.push(...unpacked(saved));
    return [...this.#ranges];
  }
}

function packed(ranges: readonly Range[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(ranges.reduce((sum, [, bytes]) => sum + HEAD + bytes.byteLength, 0));
  const view = new DataView(all.buffer);
  let place = 0;
  for (const [at, bytes] of ranges) {
    view.setFloat64(place, at, true);
    view.setFloat64(place + 8, bytes.byteLength, true);
    all.set(bytes, place + HEAD);
    place += HEAD + bytes.byteLength;
  }
  return all;
}

function unpacked(all: Uint8Array<ArrayBuffer>): Range[] {
  const view = new DataView(all.buffer);
  const ranges: Range[] = [];
  for (let place = 0; place + HEAD <= all.byteLength; ) {
    const length = view.getFloat64(place + 8, true);
    const end = place + HEAD + length;
    if (!(length > 0) || end > all.byteLength) break;
    ranges.push([view.getFloat64(place, true), all.subarray(place + HEAD, end)]);
    place = end;
  }
  return ranges;
}
