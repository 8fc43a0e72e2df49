/** Photos that the application decodes: on the page, since its functions don't travel (`page/page_service.ts`). */

import type { PageCalls, WireLoad, WirePixels } from "../shared/protocol.js";
import type { RpcClient } from "../shared/rpc_client.js";
import { checkSize, MAX_BYTES } from "../shared/sizes.js";
import { BlobSource, readAll } from "../shared/sources.js";
import { mediaTypesOf } from "./media_type.js";
import type { EncodedPhoto, ForeignPhoto, ReadPhoto } from "./photos.js";
import { Semaphore } from "./semaphore.js";

/** Files that the page decodes at a time: the pixels of each are held, and it has other things to do. */
const DECODING = 2;
/** Photos that are held before they are computed, apart from others: a decoder may take any time, and nothing else waits for that. */
const HELD = 8;

/** The application's decoders. */
export class ApplicationPhotos {
  readonly #page: RpcClient<PageCalls>;
  readonly #load: WireLoad;
  readonly #now: () => number;
  readonly #held = new Semaphore(HELD);
  readonly #decoding = new Semaphore(DECODING);

  /**
   * @param page who decodes files of the types in `load.decodeOnPage`
   * @param now milliseconds from any fixed point
   */
  constructor(page: RpcClient<PageCalls>, load: WireLoad, now: () => number) {
    [this.#page, this.#load, this.#now] = [page, load, now];
  }

  /** A file of a type that the application decodes, with what is kept of it. */
  foreign({ bytes, type: given, background }: EncodedPhoto, keep: () => Blob | Uint8Array): ForeignPhoto | undefined {
    const type = mediaTypesOf(bytes, given).find((one) => this.#load.decodeOnPage.includes(one));
    if (type === undefined) return undefined;
    const file = keep();
    return {
      kind: "foreign",
      decoded: async (signal, work) => {
        await this.#held.enter(signal);
        try {
          return await work({ ...(await this.#decoded(type, file, signal)), ...(background && { background }) });
        } finally {
          this.#held.leave();
        }
      },
    };
  }

  /** What the application makes of a file. It may take any time. */
  async #decoded(type: string, file: Blob | Uint8Array, signal: AbortSignal): Promise<ReadPhoto> {
    const { maxBytes = MAX_BYTES, maxPixels } = this.#load;
    const name = "name" in file && typeof file.name === "string" ? file.name : "photo";
    const bytes = file instanceof Blob ? await readAll(new BlobSource(file, name), signal, maxBytes) : file;
    const start = this.#now();
    const pixels = await this.#onPage(type, bytes, signal);
    checkSize(pixels, maxPixels, pixels.channels);
    return { ...pixels, decoded: this.#now() - start };
  }

  async #onPage(type: string, bytes: Uint8Array, signal: AbortSignal): Promise<WirePixels> {
    await this.#decoding.enter(signal);
    try {
      const transfer = bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer as ArrayBuffer] : [];
      return { kind: "pixels", ...(await this.#page.call("decode", { type, bytes }, { signal, transfer })) };
    } finally {
      this.#decoding.leave();
    }
  }
}
