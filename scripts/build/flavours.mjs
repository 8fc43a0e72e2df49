// The wasm builds, in one table: a browser downloads exactly one of them, and src/web picks the best that it can run.
// Each has its own target folder, since cargo rebuilds everything whenever RUSTFLAGS change.

import { dist, inRoot } from "../lib/paths.mjs";
import path from "node:path";

/** candle draws in getrandom 0.3, which asks the browser for randomness only if this cfg says so. */
const EVERY_FLAVOUR = ["--cfg", 'getrandom_backend="wasm_js"'];

/**
 * name       the folder under dist/wasm/
 * rustFlags  on top of EVERY_FLAVOUR
 * features   of the crate, on top of "wasm"
 * wasmOpt    the proposals beyond the baseline that wasm-opt has to accept in the file
 * buildStd   std itself has to be compiled with rustFlags (threads need atomics in it): -Z build-std
 */
const TABLE = [
  {
    name: "simd",
    rustFlags: ["-C", "target-feature=+simd128"],
    features: [],
    wasmOpt: ["--enable-simd"],
    buildStd: false,
  },
];

/** The flavour whose tests wasm-pack runs, and the one that works in every supported browser. */
export const BASELINE = "simd";

export const flavours = TABLE.map((flavour) => ({
  ...flavour,
  outDir: path.join(dist, "wasm", flavour.name),
  targetDir: inRoot("target", `wasm-${flavour.name}`),
  cargoArgs: [
    "--target",
    "wasm32-unknown-unknown",
    "--no-default-features",
    "--features",
    ["wasm", ...flavour.features].join(","),
    ...(flavour.buildStd ? ["-Z", "build-std=std,panic_abort"] : []),
  ],
  env: {
    // The encoded form wins over RUSTFLAGS and over every cargo configuration: no flag comes in or gets lost unseen.
    CARGO_ENCODED_RUSTFLAGS: [...EVERY_FLAVOUR, ...flavour.rustFlags].join("\x1f"),
    CARGO_TARGET_DIR: inRoot("target", `wasm-${flavour.name}`),
    ...(flavour.buildStd && { RUSTC_BOOTSTRAP: "1" }),
  },
}));

export const flavourNamed = (name) => flavours.find((flavour) => flavour.name === name);
