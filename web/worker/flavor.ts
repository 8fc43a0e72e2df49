/**
 * Which build of the engine this browser runs: the fastest that it can. The glue of all of them is imported statically
 * (a few kB of JavaScript each); of the wasm files only the chosen one is ever downloaded.
 */

import { ClipVisionError } from "../shared/errors.js";
import { requireWebAssembly } from "../shared/web_assembly.js";
import { builds } from "../wasm/index.js";

type Builds = Required<typeof builds>;
type Name = keyof Builds;
type ThreadsName = "simd-threads" | "relaxed-threads";

/** A build of the engine: what wasm-bindgen wrote around it, and its wasm file. */
export type Flavor =
  | (Builds[Exclude<Name, ThreadsName>] & { name: Exclude<Name, ThreadsName>; memory?: undefined })
  | ThreadsFlavor;

/** One with threads, and the memory that they share. */
export type ThreadsFlavor = Builds[ThreadsName] & { name: ThreadsName; memory: WebAssembly.Memory };

/** A module of one function, whose body is `i8x16.popcnt (i8x16.splat 0)`: valid where there is 128-bit SIMD. */
const SIMD_MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);
/** The same with `i8x16.relaxed_swizzle (i8x16.splat 1) (i8x16.splat 2)`: valid where there is relaxed SIMD. */
const RELAXED_MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
);

/** Bytes of a page of WebAssembly memory. */
const PAGE = 65_536;
/** At least what the builds with threads begin with: the 64 of scripts/flavors.mjs, and what wasm-bindgen adds. */
const INITIAL_PAGES = 80;
/** How much memory may grow to, in GiB: what 32 bits can address, or, where so much can't be set aside, less. */
const MAXIMA = [4, 2, 1];

/**
 * The best build for this browser. One with threads needs memory that they may share, for which a page has to be cross-origin
 * isolated, and which is set aside for all that it may ever take; where that is not to be had, one without does.
 *
 * @param threads how many are wanted
 * @param only the name of a build that has to be taken, for a wasm file that is given
 * @param mayShare whether threads may share memory
 * @throws {@link ClipVisionError} `unsupported-browser` where there is none
 */
export function chooseFlavor(threads: number, only?: string, mayShare = globalThis.crossOriginIsolated === true): Flavor {
  requireWebAssembly();
  if (!WebAssembly.validate(SIMD_MODULE)) {
    throw new ClipVisionError(
      "unsupported-browser",
      "This browser's WebAssembly has no SIMD: Chrome 91, Firefox 89 and Safari 16.4 are the first that have it",
    );
  }
  const relaxed = WebAssembly.validate(RELAXED_MODULE);
  const shared = threads > 1 && mayShare && typeof SharedArrayBuffer === "function";
  const may = (name: Name) => (only === undefined || only === name) && (relaxed || !name.startsWith("relaxed"));
  if (shared) {
    const name = (["relaxed-threads", "simd-threads"] as const).find((one) => may(one) && builds[one]);
    const memory = name && reserveMemory();
    if (name && memory) return { ...(builds as Builds)[name], name, memory };
  }
  const name = may("relaxed") && builds.relaxed ? "relaxed" : "simd";
  if (!builds[name]) {
    // Of the published package all are there; `npm start` builds this one behind the page that it serves.
    throw new ClipVisionError("unsupported-browser", `The build for this browser, ${name}, is not there yet`);
  }
  return { ...(builds as Builds)[name], name };
}

function reserveMemory(): WebAssembly.Memory | undefined {
  for (const gibibytes of MAXIMA) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: (gibibytes * 2 ** 30) / PAGE, shared: true });
    } catch {
      // Less, then.
    }
  }
  return undefined;
}

/**
 * The build that a wasm file of the application's choosing is of, told by its folder (`…/relaxed/clip_vision_bg.wasm`);
 * without such a folder it is the one that works everywhere. Of a whole folder (`…/`) any will do.
 */
export function flavorOfUrl(url: string): string | undefined {
  const parts = new URL(url).pathname.split("/");
  if (parts.at(-1) === "") return undefined;
  const folder = parts.at(-2) ?? "";
  return folder in builds ? folder : "simd";
}

/** Where a build's wasm file is: in the package, in a folder like the package's, or where it is said to be. */
export function wasmUrlOf({ name, wasmUrl }: Flavor, given: string | undefined): string {
  if (given === undefined) return wasmUrl().href;
  return given.endsWith("/") ? new URL(`${name}/clip_vision_bg.wasm`, given).href : given;
}
