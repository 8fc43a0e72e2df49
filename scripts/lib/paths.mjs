// Where things are. Whatever one clone needs is inside it; what clones share is in the user's cache.

import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/[\\/]$/, "");
export const inRoot = (...parts) => path.join(root, ...parts);

/** Tools of a locked version, built once a user and not once a clone. */
export const cache =
  process.env.CLIP_VISION_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "clip-vision");
export const inCache = (...parts) => path.join(cache, ...parts);

export const dist = inRoot("dist");
export const stamps = inRoot("target", "stamps");
