/**
 * The worker's scripts that are fetched later. They export nothing, and leave what they have where the worker looks for it: so each
 * may be a module or a plain script, whichever a bundler makes of it.
 */

import { VERSION } from "./protocol.js";

const PLACE = "__clipVisionLater";

interface Left {
  version: number;
  has: object;
}

const place = (): Record<string, Left | undefined> => ((globalThis as { [PLACE]?: Record<string, Left> })[PLACE] ??= {});

/** Leaves what a script has, and of which release it is. */
export const leave = (name: string, has: object): void => void (place()[name] = { version: VERSION, has });

/** What a script has left; `undefined` where there was none, or one of another release. */
export function left(name: string): object | undefined {
  const { version, has } = place()[name] ?? {};
  return version === VERSION ? has : undefined;
}
