/** The models in the cache, listed and removed: see `cached.ts`. */

import { ModelCache, type CacheRecord } from "../shared/cache.js";
import { clear, entriesOf } from "../shared/cache_upkeep.js";
import { openCacheStore } from "../shared/cache_store.js";
import { platform } from "../shared/platform.js";
import { withoutSecrets } from "../shared/redact.js";
import { openStore } from "../shared/store.js";
import type { CachedModel } from "./cached.js";

const cachedModel = ({ model, revision, precision, created, parts }: CacheRecord): CachedModel => ({
  model,
  ...(revision !== undefined && { revision }),
  precision,
  bytes: Object.values(parts).reduce((sum, { bytes }) => sum + bytes, 0),
  text: parts.text !== undefined,
  created: new Date(created),
});

/** The cache, or `undefined` where the page has no storage. */
async function open(): Promise<ModelCache | undefined> {
  try {
    return new ModelCache(await (platform()?.openStore() ?? openStore(openCacheStore)));
  } catch {
    return undefined;
  }
}

/** See `listCached`. */
export async function listEntries(): Promise<CachedModel[]> {
  const cache = await open();
  return cache ? [...(await entriesOf(cache)).values()].map(cachedModel) : [];
}

/** See `deleteCached`. */
export async function deleteEntries(model?: string | CachedModel): Promise<number> {
  const cache = await open();
  if (!cache) return 0;
  let removed = 0;
  for (const [id, record] of await entriesOf(cache)) {
    if (!isMeant(record, model)) continue;
    await cache.remove(id);
    removed += 1;
  }
  if (model === undefined) await clear(cache);
  return removed;
}

function isMeant(record: CacheRecord, model: string | CachedModel | undefined): boolean {
  if (model === undefined || typeof model === "string") return model === undefined || record.model === withoutSecrets(model);
  return record.model === model.model && record.revision === model.revision && record.precision === model.precision;
}
