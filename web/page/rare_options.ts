/** The options of `ClipVision.load` that most pages don't give, checked, and in the form in which they are passed on. */

import { invalid } from "../shared/errors.js";
import { sha256Hex } from "../shared/integrity.js";
import { nameOfFile } from "../shared/model_files.js";
import type { CacheMode, PhotoLimits, WireFile, WireLoad } from "../shared/protocol.js";
import { tagOf } from "../shared/values.js";
import type { PhotoDecoder } from "./decoding.js";
import type { Known } from "./load_options.js";
import type { CacheOptions, Limits, LoadOptions } from "./options.js";

/** What becomes of them. */
export interface RareOptions {
  cache: CacheMode;
  persist: boolean;
  photos: PhotoLimits;
  times: Omit<Limits, keyof PhotoLimits>;
  token: WireLoad["token"];
  integrity: Record<string, string> | undefined;
  decoders: Record<string, PhotoDecoder>;
}

/** Checks those of a model whose weights are in this file. */
export function rareOptions({ cache, limits, hub = {}, token, integrity, decoders }: LoadOptions, weights: WireFile): RareOptions {
  const all = { ...limitsOf(limits), ...cacheOf(cache) };
  group(hub, "hub", { endpoint: true, revision: true });
  return {
    ...all,
    token: tokenOf(token, weights),
    decoders: decodersOf(decoders),
    integrity: integrity === undefined ? undefined : checksums(integrity, weights),
  };
}

/** The option `cache` as what the worker is told, and whether the browser is asked to keep it. */
function cacheOf(option: LoadOptions["cache"] = true): { cache: CacheMode; persist: boolean } {
  const { mode = true, persist = false } = isGroup(option) ? group<CacheOptions>(option, "cache", { mode: true, persist: true }) : { mode: option };
  if (mode === "revalidate") return { cache: mode, persist };
  if (typeof mode !== "boolean") throw invalid(`cache must be true, false, "revalidate" or { mode, persist }, not ${tagOf(mode)}`);
  return { cache: mode ? "on" : "off", persist };
}

/** The option `limits`. */
function limitsOf(option: Limits = {}): { photos: PhotoLimits; times: Omit<Limits, keyof PhotoLimits> } {
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

/** The option `token`, and the one server that it is for: that of the weights. */
function tokenOf(token: string | undefined, weights: WireFile): WireLoad["token"] {
  if (token === undefined) return undefined;
  // What a header may have; the error must not repeat a secret.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) throw invalid("token must be a string of letters, digits and signs, without spaces");
  if (!("url" in weights) || !/^https?:/i.test(weights.url)) throw invalid("A token goes with a model at an address, to whose server it is sent");
  return { value: token, origin: new URL(weights.url).origin };
}

/** The sha256 of files by their names. */
function checksums(integrity: string | Readonly<Record<string, string>>, weights: WireFile): Record<string, string> {
  const given = typeof integrity === "string" ? { [nameOfFile(weights)]: integrity } : integrity;
  return Object.fromEntries(Object.entries(given).map(([file, sha256]) => [file, sha256Hex(sha256)]));
}

/** The application's decoders, by media types in lower case. */
export function decodersOf(decoders: Readonly<Record<string, PhotoDecoder>> | undefined): Record<string, PhotoDecoder> {
  const entries = Object.entries(decoders ?? {}).map(([type, decoder]): [string, PhotoDecoder] => {
    if (!/^image\/[\w.+-]+$/i.test(type)) throw invalid(`decoders must be named by media types like "image/heic", not "${type}"`);
    if (typeof decoder !== "function") throw invalid(`The decoder for ${type} must be a function, not ${tagOf(decoder)}`);
    return [type.toLowerCase(), decoder];
  });
  return Object.fromEntries(entries);
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
