/** The cache as the page sees it: what is in it, and how to make room. */

import { ModelCache, type CacheRecord } from "../shared/cache.js";
import { platform } from "../shared/platform.js";
import { withoutSecrets } from "../shared/redact.js";
import { openStore } from "../shared/store.js";

/** A model in the cache. */
export interface CachedModel {
  /** What was loaded: the Hub id, or the address, without its query. */
  readonly model: string;
  /** The revision of a Hub model. */
  readonly revision?: string;
  /** The precision that was asked for; `"stored"` if none was. */
  readonly precision: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Whether the text tower is cached as well. */
  readonly text: boolean;
  /** When it was downloaded. */
  readonly created: Date;
}

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
    return new ModelCache(await (platform()?.openStore ?? openStore)());
  } catch {
    return undefined;
  }
}

/** The models in the cache of this origin, in Node of this user; none where there is no storage. */
export async function listCached(): Promise<CachedModel[]> {
  const entries = (await (await open())?.entries()) ?? new Map<string, CacheRecord>();
  return [...entries.values()].map(cachedModel);
}

/**
 * Removes models from the cache. What is loaded stays loaded.
 *
 * @param model a Hub id or an address as it was given to `ClipVision.load`, or an entry of {@link listCached}. Default:
 * everything
 * @returns the number of models that were removed
 */
export async function deleteCached(model?: string | CachedModel): Promise<number> {
  const cache = await open();
  let removed = 0;
  for (const [id, record] of (await cache?.entries()) ?? []) {
    if (!isMeant(record, model)) continue;
    await cache?.remove(id);
    removed += 1;
  }
  if (model === undefined) await cache?.clear();
  return removed;
}

function isMeant(record: CacheRecord, model: string | CachedModel | undefined): boolean {
  if (model === undefined || typeof model === "string") return model === undefined || record.model === withoutSecrets(model);
  return record.model === model.model && record.revision === model.revision && record.precision === model.precision;
}
