/**
 * Workers of a module that came from another origin, a CDN's: browsers start no script of another origin, but they start one
 * of the page's own, a Blob's, that imports it. Only then, since a strict Content Security Policy forbids Blobs.
 */

import { ClipVisionError, invalid, messageOf } from "./errors.js";
import { startFailure } from "./worker_like.js";

/** One address for each script, however many workers there are. */
const blobs = new Map<string, string>();

/** Whether a module is of another origin than the page. (Some bundlers put a `file:` address in the place of `import.meta.url`.) */
const isForeign = (module: string): boolean => /^https?:/i.test(module) && new URL(module).origin !== globalThis.location?.origin;

/**
 * A worker of the script `name` beside `module`, if that is of another origin; `undefined` if it is the page's own, whose script
 * is started by an expression that bundlers know.
 */
export function foreignWorker(module: string, name: string): Worker | undefined {
  if (!isForeign(module)) return undefined;
  if (typeof URL.createObjectURL !== "function") throw invalid("This package can be loaded from another origin by a page only, not by a service worker");
  // Written so that no bundler takes it for a file of its own.
  const script = module.replace(/[^/]*$/, name);
  let blob = blobs.get(script);
  if (blob === undefined) {
    blob = URL.createObjectURL(new Blob([importer(script)], { type: "text/javascript" }));
    blobs.set(script, blob);
  }
  const { origin } = new URL(script);
  const policy = `from another origin it takes a policy that allows worker-src blob: ${origin}, and a server that allows the page (CORS)`;
  const where = `${script}; ${policy}`;
  try {
    return Object.assign(new Worker(blob, { type: "module" }), { where });
  } catch (cause) {
    // WebKit says at once what other browsers say later, by an event.
    throw new ClipVisionError("worker-crashed", startFailure("The worker", { message: messageOf(cause) }, { where }), { cause });
  }
}

/**
 * The script of such a worker. `import` is called and not declared, since WebKit declares nothing from another origin in a Blob of
 * an isolated page unless the server names a Cross-Origin-Resource-Policy, which it asks of no other import. What arrives
 * meanwhile is kept. (The space is for those who look for `import` by its text: this bundle imports nothing of the kind.)
 */
const importer = (script: string): string => `
const early = [];
const keep = (event) => void early.push(event);
addEventListener("message", keep);
import (${JSON.stringify(script)}).then(() => {
  removeEventListener("message", keep);
  for (const { data, ports } of early) dispatchEvent(new MessageEvent("message", { data, ports }));
}, (error) => setTimeout(() => { throw error; }));`;

/** What an error says of a worker's script that belongs beside `module`. */
export function besideModule(module: string, name: string): { where?: string } {
  if (!/^https?:/i.test(module)) return {};
  const [address = ""] = module.split("?");
  // Vite's development server moves packages, but not what they start.
  const isMoved = /\/\.vite\/|\/node_modules\/\.cache\//.test(address);
  const line = 'a development server has moved the package: put optimizeDeps: { exclude: ["clip-vision"] } into vite.config';
  return { where: `${name} beside ${address}${isMoved ? `; ${line}` : ", or where a bundler put it"}` };
}
