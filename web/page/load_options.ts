/** The options of `ClipVision.load`, checked, and in the form in which they are passed on. */

import { ClipVisionError, invalid } from "../shared/errors.js";
import { sha256Hex } from "../shared/integrity.js";
import { nameOfFile } from "../shared/model_files.js";
import { platform } from "../shared/platform.js";
import type { CacheMode, ClipVisionInfo, LoadWarning, PhotoLimits, WireFile, WireLoad } from "../shared/protocol.js";
import { tagOf } from "../shared/values.js";
import type { EmbedManyOptions } from "./embed_many.js";
import type { BlobOptions, CacheOptions, CallOptions, ClassifyOptions, EmbedOptions, EmbedTextOptions, Limits, LoadOptions, TextOptions } from "./options.js";

/** A larger number of threads is taken for a mistake. */
const MOST_THREADS = 64;

/** The option `cache` as what the worker is told, and whether the browser is asked to keep it. */
export function cacheOf(option: LoadOptions["cache"] = true): { cache: CacheMode; persist: boolean } {
  const { mode = true, persist = false } = isGroup(option) ? group<CacheOptions>(option, "cache", { mode: true, persist: true }) : { mode: option };
  if (mode === "revalidate") return { cache: mode, persist };
  if (typeof mode !== "boolean") throw invalid(`cache must be true, false, "revalidate" or { mode, persist }, not ${tagOf(mode)}`);
  return { cache: mode ? "on" : "off", persist };
}

/** The option `limits`. */
export function limitsOf(option: Limits = {}): { photos: PhotoLimits; times: Omit<Limits, keyof PhotoLimits> } {
  const known = { maxBytes: true, maxPixels: true, startTimeout: true, cancelTimeout: true } as const;
  const { maxBytes, maxPixels, startTimeout, cancelTimeout } = group<Limits>(option, "limits", known);
  for (const [name, most] of Object.entries({ maxBytes, maxPixels })) {
    if (most === undefined || (Number.isFinite(most) && most >= 1)) continue;
    throw invalid(`${name} must be a finite number from 1, not ${String(most)}`);
  }
  for (const [name, time] of Object.entries({ startTimeout, cancelTimeout })) {
    if (time === undefined || time > 0) continue;
    throw invalid(`${name} must be a number of milliseconds above 0, not ${String(time)}`);
  }
  const photos = { ...(maxBytes !== undefined && { maxBytes }), ...(maxPixels !== undefined && { maxPixels }) };
  const times = { ...(startTimeout !== undefined && { startTimeout }), ...(cancelTimeout !== undefined && { cancelTimeout }) };
  return { photos, times };
}

/** The option `hub`. */
export const hubOf = (option: LoadOptions["hub"] = {}): NonNullable<LoadOptions["hub"]> => group(option, "hub", { endpoint: true, revision: true });

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

/** The option `token`, and the one server that it is for: that of the weights. */
export function tokenOf(token: string | undefined, weights: WireFile): WireLoad["token"] {
  if (token === undefined) return undefined;
  // What a header may have; the error must not repeat a secret.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) throw invalid("token must be a string of letters, digits and signs, without spaces");
  if (!("url" in weights) || !/^https?:/i.test(weights.url)) throw invalid("A token goes with a model at an address, to whose server it is sent");
  return { value: token, origin: new URL(weights.url).origin };
}

/** The sha256 of files by their names. */
export function checksums(integrity: string | Readonly<Record<string, string>>, weights: WireFile): Record<string, string> {
  const given = typeof integrity === "string" ? { [nameOfFile(weights)]: integrity } : integrity;
  return Object.fromEntries(Object.entries(given).map(([file, sha256]) => [file, sha256Hex(sha256)]));
}

/** Throws where there is nothing that runs a worker. */
export function checkPlace(): void {
  if (platform() || typeof Worker === "function") return;
  const advice = 'and ask that, or in Node, Deno or Bun, which take the package\'s entry of the condition "node"';
  throw new ClipVisionError("unsupported-browser", `There are no Web Workers here, as in service workers, edge runtimes and jsdom: load the model in a page or a dedicated worker ${advice}`);
}

/** Warns that fewer threads compute than were asked for. */
export function checkStarted(asked: number | undefined, threads: number, warn: (warning: LoadWarning) => void): void {
  if (asked === undefined || asked <= threads) return;
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  const why = isolated === false
    ? "threads need a page that is cross-origin isolated (docs/headers.md)"
    : typeof SharedArrayBuffer === "function"
      ? "no more could be started"
      : "this browser has no SharedArrayBuffer (docs/browsers.md)";
  warn({ code: "no-threads", message: `Asked for ${asked} threads, but only ${threads} ${threads === 1 ? "is" : "are"} running: ${why}` });
}

/** Logs the warnings that an application should not miss even if it does not listen for any. */
export function logWarning({ code, message }: LoadWarning): void {
  if (!code.startsWith("cache-")) console.warn(`clip-vision: ${message}`);
}

type Known<Options> = { readonly [Name in keyof Required<Options>]: true };

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

/** What people look for that come from elsewhere, or from earlier releases. */
const HINTS: Readonly<Record<string, string>> = {
  dtype: 'precision: "f32" or "int8"',
  quantized: 'precision: "int8"',
  progress_callback: "onProgress",
  session_options: "threads",
  revision: "hub: { revision }",
  cache_dir: "cache",
  persist: "cache: { persist }",
  maxBytes: "limits: { maxBytes }",
  maxPixels: "limits: { maxPixels }",
  startTimeout: "limits: { startTimeout }",
  cancelTimeout: "limits: { cancelTimeout }",
  workerUrl: "worker: () => new Worker(…)",
  latestOnly: "clip.latest()",
};

/** Checks that options are an object, with functions where there have to be some, and warns once of each that is unknown. */
export function checkOptions(kind: OptionsOf, options: object, seen: Set<string>, warn: (warning: LoadWarning) => void): void {
  if (typeof options !== "object" || options === null) throw invalid(`Options must be an object, not ${tagOf(options)}`);
  for (const name of FUNCTIONS) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && typeof value !== "function") throw invalid(`${name} must be a function, not ${tagOf(value)}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(KNOWN[kind], name) || seen.has(name)) continue;
    seen.add(name);
    const hint = Object.hasOwn(HINTS, name) ? `; use ${HINTS[name]}` : "";
    warn({ code: "unknown-option", message: `There is no option "${name}": it is ignored${hint}` });
  }
}

const isGroup = (option: unknown): option is object => typeof option === "object" && option !== null;

/** A group of options, in which nothing else stands. */
function group<Group extends object>(option: Group, name: string, known: Known<Group>): Group {
  const names = Object.keys(known).join(", ");
  if (!isGroup(option) || option instanceof URL) throw invalid(`${name} must be { ${names} }, not ${tagOf(option)}`);
  const unknown = Object.keys(option).find((key) => !(key in known));
  if (unknown !== undefined) throw invalid(`${name} has no option ${unknown}: there are ${names}`);
  return option;
}
