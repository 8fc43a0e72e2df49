// The wasm builds, in one table: a browser downloads exactly one of them, and web/worker/flavour.ts picks the best that it can run.
// Each has its own target folder, since cargo rebuilds everything whenever RUSTFLAGS change.

import { dist, inRoot } from "../lib/paths.mjs";
import path from "node:path";

/** candle draws in getrandom 0.3, which asks the browser for randomness only if this cfg says so. */
const EVERY_FLAVOUR = ["--cfg", 'getrandom_backend="wasm_js"'];

/**
 * Shared memory, made by JavaScript (flavour.ts: at least these pages at the beginning), and what wasm-bindgen needs to
 * give each thread a stack and its thread-local variables. The largest that 32 bits can address: JavaScript may ask for
 * less.
 */
const THREADS = [
  "--shared-memory",
  "--import-memory",
  "--initial-memory=4194304",
  "--max-memory=4294967296",
  "--export=__wasm_init_tls",
  "--export=__tls_size",
  "--export=__tls_align",
  "--export=__tls_base",
].flatMap((argument) => ["-C", `link-arg=${argument}`]);

const target = (features) => ["-C", `target-feature=${features}`];

/**
 * name       the folder under dist/wasm/
 * rustFlags  on top of EVERY_FLAVOUR
 * wasmOpt    the proposals beyond the baseline that wasm-opt has to accept in the file
 * threads    std itself has to be compiled with rustFlags (-Z build-std), since there are atomics in it
 * served     whether `npm start` builds it: what the current Chromium takes on a page with COOP and COEP, and what works
 *            in every browser
 */
const TABLE = [
  {
    name: "simd",
    rustFlags: target("+simd128"),
    wasmOpt: ["--enable-simd"],
    served: true,
  },
  {
    name: "relaxed",
    rustFlags: target("+simd128,+relaxed-simd"),
    wasmOpt: ["--enable-simd", "--enable-relaxed-simd"],
  },
  {
    name: "simd-threads",
    rustFlags: [...target("+simd128,+atomics,+bulk-memory,+mutable-globals"), ...THREADS],
    wasmOpt: ["--enable-simd", "--enable-threads"],
    threads: true,
  },
  {
    name: "relaxed-threads",
    rustFlags: [...target("+simd128,+relaxed-simd,+atomics,+bulk-memory,+mutable-globals"), ...THREADS],
    wasmOpt: ["--enable-simd", "--enable-relaxed-simd", "--enable-threads"],
    threads: true,
    served: true,
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
    ...(flavour.threads ? ["-Z", "build-std=std,panic_abort"] : []),
  ],
  env: {
    // The encoded form wins over RUSTFLAGS and over every cargo configuration: no flag comes in or gets lost unseen.
    CARGO_ENCODED_RUSTFLAGS: [...EVERY_FLAVOUR, ...flavour.rustFlags].join("\x1f"),
    CARGO_TARGET_DIR: inRoot("target", `wasm-${flavour.name}`),
    ...(flavour.threads && { RUSTC_BOOTSTRAP: "1" }), // -Z on a stable compiler
  },
}));

/**
 * The flavours to build: all, or those that CLIP_VISION_FLAVOURS names, comma-separated. With CLIP_VISION_QUICK, for
 * which seconds count, the baseline is all there is unless others are named.
 */
export function chosenFlavours(wanted = () => true) {
  const named = process.env.CLIP_VISION_FLAVOURS ?? (process.env.CLIP_VISION_QUICK && BASELINE);
  if (!named) return flavours.filter(wanted);
  const names = new Set([BASELINE, ...named.split(",")]); // the types are the baseline's
  return flavours.filter(({ name }) => names.has(name));
}

export const flavourNamed = (name) => flavours.find((flavour) => flavour.name === name);
