/** The options of `ClipVision.load` and of calls, checked, and in the form in which they are passed on; the rarer ones: `rare_options.ts`. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { platform } from "../shared/platform.js";
import type { ClipVisionInfo, LoadWarning, WireLoad } from "../shared/protocol.js";
import { tagOf } from "../shared/values.js";
import type { EmbedManyOptions } from "./embed_many.js";
import { onDemand } from "./on_demand.js";
import type { BlobOptions, CallOptions, ClassifyOptions, EmbedOptions, EmbedTextOptions, LoadOptions, TextOptions } from "./options.js";

/** A larger number of threads is taken for a mistake. */
const MOST_THREADS = 64;

/** Whether options are given that are checked by `rare_options.ts`. */
export const isRare = ({ cache, limits, hub, token, integrity, decoders }: LoadOptions): boolean =>
  [limits, hub, token, integrity, decoders].some((option) => option !== undefined) || (cache !== undefined && typeof cache !== "boolean");

/** The option `threads`. */
export function checkThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) return;
  throw invalid(`threads must be a whole number from 1 to ${MOST_THREADS}, not ${String(threads)}`);
}

/** The option `table`. */
export function checkTable(table: unknown): void {
  if (table === undefined || table === "whole" || table === "ranges") return;
  throw invalid(`table must be "whole" or "ranges", not ${typeof table === "string" ? `"${table}"` : tagOf(table)}`);
}

/** The option `device`, as far as it is for the worker to decide. Of iPhones and iPads nobody has reported yet that it works there. */
export function deviceOf(device: LoadOptions["device"] = "auto"): Pick<WireLoad, "device"> & Pick<ClipVisionInfo, "why"> {
  if (device !== "auto" && device !== "wasm" && device !== "webgpu") {
    throw invalid(`device must be "auto", "wasm" or "webgpu", not ${typeof device === "string" ? `"${String(device)}"` : tagOf(device)}`);
  }
  const { userAgent = "", maxTouchPoints = 0 } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  const isTouched = /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
  if (device === "auto" && isTouched) return { why: "untested-device" };
  return device === "wasm" ? {} : { device };
}

/** Throws where there is nothing that runs a worker. */
export function checkPlace(): void {
  if (platform() || typeof Worker === "function") return;
  const advice = 'and ask that, or in Node, Deno or Bun, which take the package\'s entry of the condition "node"';
  throw new ClipVisionError("unsupported-browser", `There are no Web Workers here, as in service workers, edge runtimes and jsdom: load the model in a page or a dedicated worker ${advice}`);
}

/** Logs the warnings that an application should not miss even if it does not listen for any. */
export function logWarning({ code, message }: LoadWarning): void {
  if (!code.startsWith("cache-")) console.warn(`clip-vision: ${message}`);
}

export type Known<Options> = { readonly [Name in keyof Required<Options>]: true };

const PHOTO: Known<CallOptions> = { signal: true, decode: true, decoder: true, background: true, svg: true, transfer: true };
const LOAD: Known<LoadOptions> = {
  precision: true,
  normalize: true,
  threads: true,
  device: true,
  token: true,
  table: true,
  signal: true,
  onProgress: true,
  onWarning: true,
  decode: true,
  decoder: true,
  background: true,
  svg: true,
  decoders: true,
  fetch: true,
  integrity: true,
  cache: true,
  hub: true,
  limits: true,
  worker: true,
  wasmUrl: true,
};
const TEXT: Known<TextOptions> = { signal: true, onProgress: true };
const BLOB: Known<BlobOptions> = { ...TEXT, precision: true, visionOnly: true };
const EMBED_TEXT: Known<EmbedTextOptions> = { ...TEXT, details: true };
const EMBED: Known<EmbedOptions> = { ...PHOTO, details: true };
const CLASSIFY: Known<ClassifyOptions> = { ...PHOTO, ...TEXT, template: true };
const MANY: Known<EmbedManyOptions> = { ...PHOTO, details: true, onProgress: true, photo: true, workers: true };
const KNOWN = { load: LOAD, embed: EMBED, tensor: PHOTO, classify: CLASSIFY, text: TEXT, embedText: EMBED_TEXT, many: MANY, blob: BLOB };

/** Whose options they are. */
export type OptionsOf = keyof typeof KNOWN;
/** Options that are functions. */
const FUNCTIONS = ["onProgress", "onWarning", "fetch", "worker", "photo"];

/** Checks that options are an object, with functions where there have to be some; gives the names of those that are unknown, once. */
export function checkOptions(kind: OptionsOf, options: object, seen: Set<string>): string[] {
  if (typeof options !== "object" || options === null) throw invalid(`Options must be an object, not ${tagOf(options)}`);
  for (const name of FUNCTIONS) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && typeof value !== "function") throw invalid(`${name} must be a function, not ${tagOf(value)}`);
  }
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(KNOWN[kind], name) && !seen.has(name));
  unknown.forEach((name) => seen.add(name));
  return unknown;
}

/** Warns of something, with a hint where that can be fetched. */
async function warnWithHint(code: LoadWarning["code"], message: string, name: string, warn: (warning: LoadWarning) => void): Promise<void> {
  warn({ code, message: message + (await onDemand().then(({ hintFor }) => hintFor(name), () => "")) });
}

/** Warns of options that are unknown. */
export async function warnOfUnknown(unknown: readonly string[], warn: (warning: LoadWarning) => void): Promise<void> {
  for (const name of unknown) await warnWithHint("unknown-option", `There is no option "${name}": it is ignored`, name, warn);
}

/** Warns that fewer threads compute than were asked for. */
export async function checkStarted(asked: number | undefined, threads: number, warn: (warning: LoadWarning) => void): Promise<void> {
  if (asked === undefined || asked <= threads) return;
  await warnWithHint("no-threads", `Asked for ${asked} threads, but only ${threads} ${threads === 1 ? "is" : "are"} running`, "threads", warn);
}
