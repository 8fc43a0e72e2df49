/**
 * Where the cache keeps its files: the Origin Private File System, or the Cache API where there is none. Files have flat
 * names; a file is there once its writer was closed, and half of one if the page died before, so whoever reads has to
 * know what to expect (`cache.ts`).
 */

import { messageOf } from "./errors.js";

/** A file that is being written. */
export interface Writer {
  /** Puts bytes at a place; they don't overlap, and leave no gap in the end. Throws `QuotaExceededError`. */
  write(at: number, bytes: Uint8Array): void;
  /** Ends the file. */
  close(): Promise<void>;
  /** Gives it up. Never fails. */
  discard(): Promise<void>;
}

/** Files by name. */
export interface Store {
  read(name: string): Promise<Blob | undefined>;
  create(name: string): Promise<Writer>;
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>;
  list(): Promise<string[]>;
  /** When a file was last written, in milliseconds. */
  modified(name: string): Promise<number | undefined>;
}

const FOLDER = "clip-vision";

const isNamed = (error: unknown, name: string): boolean => error instanceof DOMException && error.name === name;

/** The store of this browser; rejects where there is none (private windows, pages without HTTPS). */
export async function openStore(): Promise<Store> {
  try {
    const root = await navigator.storage.getDirectory();
    return new FileStore(await root.getDirectoryHandle(FOLDER, { create: true }));
  } catch {
    if (typeof caches === "undefined") throw new Error("only pages of https: and of localhost have one");
    const cache = await caches.open(FOLDER).catch((cause: unknown) => {
      throw new Error(`the browser refuses it, as in some private windows: ${messageOf(cause)}`, { cause });
    });
    return new CacheStore(cache);
  }
}

/** Does work while nobody else of this origin, in whichever tab, does work of the same name. */
export async function withLock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  // Without locks, in pages without HTTPS, two tabs may both download: files have random names.
  if (!navigator.locks) return work();
  return (await navigator.locks.request(name, { signal }, work)) as T;
}

/** The part of `FileSystemSyncAccessHandle` that is used: TypeScript's "DOM" library has only the page's interfaces. */
interface SyncAccessHandle {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

class FileStore implements Store {
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async read(name: string): Promise<File | undefined> {
    try {
      return await (await this.#folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (isNamed(error, "NotFoundError")) return undefined;
      throw error;
    }
  }

  async create(name: string): Promise<Writer> {
    const file = await this.#folder.getFileHandle(name, { create: true });
    const handle = await (file as unknown as { createSyncAccessHandle(): Promise<SyncAccessHandle> }).createSyncAccessHandle();
    handle.truncate(0);
    return {
      write(at, bytes) {
        if (handle.write(bytes, { at }) < bytes.byteLength) throw new DOMException("The disk is full", "QuotaExceededError");
      },
      async close() {
        handle.flush();
        handle.close();
      },
      discard: async () => {
        handle.close();
        await this.remove(name).catch(() => undefined);
      },
    };
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#folder.removeEntry(name);
    } catch (error) {
      if (!isNamed(error, "NotFoundError")) throw error;
    }
  }

  async list(): Promise<string[]> {
    const names: string[] = [];
    // TypeScript's library does not know yet that a directory can be walked.
    for await (const name of (this.#folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    return names;
  }

  async modified(name: string): Promise<number | undefined> {
    return (await this.read(name))?.lastModified;
  }
}

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
