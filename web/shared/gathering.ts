/** Pieces on their way into one Blob: many together become Blobs of their own, which browsers keep outside of JavaScript's memory. */

/** Bytes that are gathered before they become a Blob. */
const GATHERED = 8 << 20;

/** See the module. */
export class Gathering {
  readonly #blobs: Blob[] = [];
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #loose = 0;

  /** Takes the next piece. */
  add(piece: Uint8Array<ArrayBuffer>): void {
    this.#pieces.push(piece);
    this.#loose += piece.byteLength;
    if (this.#loose < GATHERED) return;
    this.#blobs.push(new Blob(this.#pieces));
    [this.#pieces, this.#loose] = [[], 0];
  }

  /** All of it, behind what is to stand before it. */
  blob(type = "", ...before: BlobPart[]): Blob {
    return new Blob([...before, ...this.#blobs, ...this.#pieces], { type });
  }
}
