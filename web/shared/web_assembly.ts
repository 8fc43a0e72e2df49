/** WebAssembly where there is none, or where the page's policy forbids it. */

import { ClipVisionError } from "./errors.js";

/** Throws `unsupported-browser` where there is no WebAssembly at all. */
export function requireWebAssembly(): void {
  if (typeof WebAssembly === "object") return;
  throw new ClipVisionError("unsupported-browser", "This browser has no WebAssembly, or it is switched off");
}

/** The error for WebAssembly that the page's policy forbids; nothing if the failure was another one. */
export function forbiddenBy(what: string, cause: unknown): ClipVisionError | undefined {
  if (!/unsafe-eval|Content Security Policy/i.test(String(cause))) return undefined;
  const advice = "the page's Content Security Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src";
  return new ClipVisionError("unsupported-browser", `${what} can't be started: ${advice}`, { cause });
}
