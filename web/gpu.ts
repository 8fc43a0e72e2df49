/** What loads a model into a GPU and computes there, in a script of its own, which the worker fetches when that is asked for (`load_later.ts`). */

import { leave } from "./shared/later_scripts.js";
import { GpuLoading } from "./worker/gpu/loading.js";

const script = { GpuLoading };

/** What it has. */
export type GpuScript = typeof script;

leave("gpu", script);
