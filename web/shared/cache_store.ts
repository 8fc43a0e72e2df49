/** The cache's files in the Cache API, where there is no Origin Private File System. */

import { messageOf } from "./errors.js";
import { FOLDER, type Store, type Writer } from "./store.js";

/** Pieces become a Blob, which the browser keeps on disk, when so many bytes have come together. */
const TOGETHER = 4 << 20;

class CacheStore implements Store {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Answers need addresses, which nobody ever asks; whole ones, since a worker from a Blob (CDNs) has no address of its own. */
  #url(name: string): string {
    return `${globalThis.origin}/__clip-vision/${name}`;
  }

  async read(name: string): Promise<Blob | undefined> {
    return (await this.#cache.match(this.#url(name)))?.blob();
  }

  async create(name: string): Promise<Writer> {
    const parts: { at: number; blob: Blob }[] = [];
    let pieces: { from: number; to: number; bytes: Uint8Array<ArrayBuffer>[] } | undefined;
    const flush = () => {
      if (pieces) parts.push({ at: pieces.from, blob: new Blob(pieces.bytes) });
      pieces = undefined;
    };
    return {
      write(at, bytes) {
        if (pieces && (pieces.to !== at || pieces.to - pieces.from > TOGETHER)) flush();
        pieces ??= { from: at, to: at, bytes: [] };
        pieces.bytes.push(bytes.slice());
        pieces.to += bytes.byteLength;
      },
      close: async () => {
        flush();
        parts.sort((a, b) => a.at - b.at);
        const headers = { "x-modified": String(Date.now()) };
        await this.#cache.put(this.#url(name), new Response(new Blob(parts.map(({ blob }) => blob)), { headers }));
      },
      async discard() {
        parts.length = 0;
      },
    };
  }

  async remove(name: string): Promise<void> {
    await this.#cache.delete(this.#url(name));
  }

  async list(): Promise<string[]> {
    return (await this.#cache.keys()).map(({ url }) => url.slice(url.lastIndexOf("/") + 1));
  }

  async modified(name: string): Promise<number | undefined> {
    const response = await this.#cache.match(this.#url(name));
    return response && Number(response.headers.get("x-modified"));
  }
}

/** The store; rejects where there is no Cache API either, or the browser refuses it. */
export async function openCacheStore(): Promise<Store> {
  if (typeof caches === "undefined") throw new Error("only pages of https: and of localhost have one");
  const cache = await caches.open(FOLDER).catch((cause: unknown) => {
    throw new Error(`the browser refuses it, as in some private windows: ${messageOf(cause)}`, { cause });
  });
  return new CacheStore(cache);
}
