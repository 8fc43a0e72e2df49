/**
 * Where the cache keeps its files in Node: a folder of this machine, which all programs of its user share. A file is written
 * under a name of its own and renamed once it is whole, so that nobody ever reads half of one, whoever else writes.
 */

import { closeSync, openAsBlob, openSync, writeSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { Store, Writer } from "../shared/store.js";

/**
 * Where models are kept: in `CLIP_VISION_CACHE`, or else where this system has such files; in a folder of their own there,
 * since what builds this package keeps its tools in the same place.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, system: string = process.platform): string {
  const { CLIP_VISION_CACHE: chosen, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = env;
  if (chosen) return path.resolve(chosen, "models");
  return path.join(xdg && path.isAbsolute(xdg) ? xdg : systemFolder(system, local), "clip-vision", "models");
}

function systemFolder(system: string, local: string | undefined): string {
  if (system === "win32") return local ?? path.join(homedir(), "AppData", "Local");
  return path.join(homedir(), ...(system === "darwin" ? ["Library", "Caches"] : [".cache"]));
}

/** Names in the cache begin with a model's id; whatever else is in the folder is somebody else's. */
const OURS = /^[0-9a-f]{32}\./;
/** Milliseconds after which whoever holds a lock says that it is still there. */
const HEARTBEAT = 1000;
/** Milliseconds after which a lock that nobody has touched is nobody's: its process or its thread was ended. */
const STALE_AFTER = 4000;
/** Milliseconds between two looks at a lock. */
const LOOK_EVERY = 100;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code;
const isGone = (error: unknown): boolean => codeOf(error) === "ENOENT";

/** What the cache knows of an error: there is no room, or a file can't be read. */
function named(error: unknown, otherwise?: string): unknown {
  const full = ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error) ?? "");
  const name = full ? "QuotaExceededError" : otherwise;
  return name === undefined ? error : new DOMException((error as Error).message, name);
}

/** See the module. */
export class DiskStore implements Store {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens a folder; rejects where it can't be made. */
  static async open(folder = cacheFolder()): Promise<DiskStore> {
    await mkdir(folder, { recursive: true });
    return new DiskStore(folder);
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }

  async read(name: string): Promise<Blob | undefined> {
    try {
      return await openAsBlob(this.#path(name));
    } catch (error) {
      // Runtimes differ in how they say that there is none.
      if ((await this.modified(name)) === undefined) return undefined;
      throw named(error, "NotReadableError");
    }
  }

  async create(name: string): Promise<Writer> {
    const temporary = this.#path(`${name}.${crypto.randomUUID()}`);
    const file = openSync(temporary, "wx");
    let opened = true;
    const close = () => {
      if (opened) closeSync(file);
      opened = false;
    };
    return {
      write(at, bytes) {
        try {
          for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done, bytes.byteLength - done, at + done);
        } catch (error) {
          throw named(error);
        }
      },
      close: async () => {
        try {
          close();
          await rename(temporary, this.#path(name));
        } catch (error) {
          throw named(error);
        }
      },
      discard: async () => {
        close();
        await rm(temporary, { force: true }).catch(() => undefined);
      },
    };
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  async list(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => OURS.test(name));
  }

  async modified(name: string): Promise<number | undefined> {
    try {
      return (await stat(this.#path(name))).mtimeMs;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }
}

/**
 * Does work while no other process or thread does work of the same name: a file says that somebody does. One that is left
 * behind is taken over. Should two ever work at once, or should there be no place for such a file, both download: no harm.
 */
export async function withFileLock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const lock = path.join(cacheFolder(), `${name.replace(/^.*:/, "")}.lock`);
  while (!(await taken(lock))) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY)).then(() => signal.throwIfAborted());
  const beat = setInterval(() => void touch(lock), HEARTBEAT);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(lock, { force: true }).catch(() => undefined);
  }
}

/** Whether the lock is ours now, or can't be had at all. */
async function taken(lock: string): Promise<boolean> {
  try {
    await (await open(lock, "wx")).close();
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") return true;
  }
  const since = await stat(lock).then(({ mtimeMs }) => Date.now() - mtimeMs, () => 0);
  if (since > STALE_AFTER) await rm(lock, { force: true }).catch(() => undefined);
  return false;
}

async function touch(lock: string): Promise<void> {
  const now = new Date();
  await utimes(lock, now, now).catch(() => undefined);
}
