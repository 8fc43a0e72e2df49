/** The package's own scripts, each beside the module that starts it, unless that has become a part of a bundle. */

import { existsSync } from "node:fs";
import { ClipVisionError } from "../shared/errors.js";

const BUNDLED =
  "The thread's script is not beside the package's module, which was put into a bundle: keep the package out of it " +
  '(esbuild: external: ["clip-vision"]; Next.js: serverExternalPackages: ["clip-vision"]; see docs/bundlers.md)';

// Each written out, in a function with a body: so what collects a server's files (Turbopack, nft) sees that there is one.

/** The script of a model's thread. */
export function modelScript(): URL {
  return new URL("./worker.js", import.meta.url);
}

/** The script of a collection's thread. */
export function searchScript(): URL {
  return new URL("./search_worker.js", import.meta.url);
}

/**
 * The script at an address that is worked out from the module's own.
 *
 * @throws {@link ClipVisionError} `worker-crashed`
 */
export function ours(address: () => URL): URL {
  let url: URL | undefined;
  try {
    url = address();
  } catch {
    // A bundle of CommonJS does not know its own address.
  }
  if (url && existsSync(url)) return url;
  throw new ClipVisionError("worker-crashed", BUNDLED);
}
