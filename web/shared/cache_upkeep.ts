/** What is done with all entries of the cache (`cache.ts`): they are listed, removed, and tidied up. */

import { filesOf, VERSION, type CacheRecord, type ModelCache } from "./cache.js";
import { VERDICTS } from "./store.js";

/** A file that no record names may be one that another tab is about to finish; a day later it is not. */
const ABANDONED_AFTER = 24 * 60 * 60 * 1000;

const RECORD = /^([0-9a-f]{32})\.json$/;

/** Removes everything, also what no record names. */
export async function clear(cache: ModelCache): Promise<void> {
  for (const name of await cache.store.list()) await cache.discard(name);
}

/** All entries, by id. */
export async function entriesOf(cache: ModelCache): Promise<Map<string, CacheRecord>> {
  const entries = new Map<string, CacheRecord>();
  for (const name of await cache.store.list()) {
    const id = RECORD.exec(name)?.[1];
    const record = id && (await cache.record(id));
    if (record) entries.set(id, record);
  }
  return entries;
}

/** Removes what pages left behind that died while they were writing, and what an earlier version recorded. */
export async function tidy(cache: ModelCache): Promise<void> {
  const { store } = cache;
  const named = new Set([...(await entriesOf(cache)).values()].flatMap(filesOf));
  for (const name of await store.list()) {
    const id = RECORD.exec(name)?.[1];
    if (id !== undefined && (await isOutdated(cache, name))) await cache.remove(id).catch(() => undefined);
  }
  for (const name of await store.list()) {
    if (RECORD.test(name) || named.has(name) || name === VERDICTS) continue;
    const modified = (await store.modified(name)) ?? 0;
    if (Date.now() - modified > ABANDONED_AFTER) await cache.discard(name);
  }
}

/** Whether a record is of an earlier version, which nobody reads any more: its keys were addresses, with their queries. */
async function isOutdated({ store }: ModelCache, name: string): Promise<boolean> {
  try {
    const { version } = JSON.parse((await (await store.read(name))?.text()) ?? "") as { version?: unknown };
    return typeof version === "number" && version < VERSION;
  } catch {
    return false;
  }
}
