/** The cache as the page sees it: what is in it, and how to make room. */

import { onDemand } from "./on_demand.js";

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

/** The models in the cache of this origin, in Node of this user; none where there is no storage. */
export async function listCached(): Promise<CachedModel[]> {
  return (await onDemand()).listEntries();
}

/**
 * Removes models from the cache. What is loaded stays loaded.
 *
 * @param model a Hub id or an address as it was given to `ClipVision.load`, or an entry of {@link listCached}. Default:
 * everything
 * @returns the number of models that were removed
 */
export async function deleteCached(model?: string | CachedModel): Promise<number> {
  return (await onDemand()).deleteEntries(model);
}
