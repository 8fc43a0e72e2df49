/**
 * Which build of the engine this browser runs: one table of glue and wasm file, one function that chooses. The glue is
 * imported statically (a few kB of JavaScript); of the wasm files only the chosen one is ever downloaded.
 */

import init, { ModelLoader, Sha256, refusedBytes } from "./wasm/simd/clip_vision.js";
import { ClipVisionError } from "./errors.js";

/** A build of the engine. */
export interface Flavour {
  /** The folder under `wasm/`. */
  name: "simd";
  /** The wasm file, beside this module. Written so that bundlers see the file and copy it. */
  wasmUrl(): URL;
  /** Instantiates the module. */
  init: typeof init;
  /** The engine's entry point, usable after `init`. */
  ModelLoader: typeof ModelLoader;
  Sha256: typeof Sha256;
  /** Bytes of the last request for memory that was refused; 0 while none was. */
  refusedBytes: typeof refusedBytes;
}

const simd: Flavour = {
  name: "simd",
  wasmUrl: () => new URL("./wasm/simd/clip_vision_bg.wasm", import.meta.url),
  init,
  ModelLoader,
  Sha256,
  refusedBytes,
};

/** A module of one function, whose body is `i8x16.popcnt (i8x16.splat 0)`: valid where there is 128-bit SIMD. */
// prettier-ignore
const SIMD_MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** The best build for this browser. Throws `unsupported-browser` where there is none. */
export function chooseFlavour(): Flavour {
  if (typeof WebAssembly !== "object") {
    throw new ClipVisionError("unsupported-browser", "This browser has no WebAssembly, or it is switched off");
  }
  if (!WebAssembly.validate(SIMD_MODULE)) {
    throw new ClipVisionError(
      "unsupported-browser",
      "This browser's WebAssembly has no SIMD: Chrome 91, Firefox 89 and Safari 16.4 are the first that have it",
    );
  }
  return simd;
}
