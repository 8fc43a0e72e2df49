/**
 * Where the cache keeps its files: the Origin Private File System, or the Cache API where there is none. Files have flat
 * names; a file is there once its writer was closed, and half of one if the page died before, so whoever reads has to
 * know what to expect (`cache.ts`).
 */

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

/** What the store is called, of either kind. */
export const FOLDER = "clip-vision";

/** The file of what was found of GPUs (`worker/gpu/verdicts.ts`), which belongs to no model. */
export const VERDICTS = "gpu.json";

const isNamed = (error: unknown, name: string): boolean => error instanceof DOMException && error.name === name;

/**
 * The store of this browser; rejects where there is none (private windows, pages without HTTPS).
 *
 * @param openCacheStore opens the one in the Cache API (`cache_store.ts`)
 */
export async function openStore(openCacheStore: () => Promise<Store>): Promise<Store> {
  try {
    const root = await navigator.storage.getDirectory();
    return new FileStore(await root.getDirectoryHandle(FOLDER, { create: true }));
  } catch {
    return openCacheStore();
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
