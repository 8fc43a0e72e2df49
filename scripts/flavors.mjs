// The wasm builds, in one table: a browser downloads exactly one of them, the best that it can run (web/worker/flavor.ts).
// Each has its own target folder, since cargo rebuilds everything whenever RUSTFLAGS change.

import os from "node:os";
import path from "node:path";
import { inRoot, modules } from "./lib.mjs";

/**
 * Shared memory, made by JavaScript (flavor.ts: at least these pages at the beginning), and what wasm-bindgen needs to
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
 * rustFlags  for the compiler
 * wasmOpt    the proposals beyond the baseline that wasm-opt has to accept in the file
 * threads    std itself has to be compiled with rustFlags (-Z build-std), since there are atomics in it
 */
const TABLE = [
  {
    name: "simd",
    rustFlags: target("+simd128"),
    wasmOpt: ["--enable-simd"],
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
  },
];

/** What wasm-opt accepts on top of each flavor's own; rustc's wasm32 target uses all of these. */
export const RUST_BASELINE = [
  "--enable-bulk-memory",
  "--enable-bulk-memory-opt",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-reference-types",
  "--enable-multivalue",
];

export const flavors = TABLE.map((flavor) => ({
  ...flavor,
  outDir: path.join(modules, "wasm", flavor.name),
  targetDir: inRoot("target", `wasm-${flavor.name}`),
  cargoArgs: [
    "--target",
    "wasm32-unknown-unknown",
    ...(flavor.threads ? ["-Z", "build-std=std,panic_abort"] : []),
  ],
  env: {
    // The encoded form wins over RUSTFLAGS and over every cargo configuration: no flag comes in or gets lost unseen.
    CARGO_ENCODED_RUSTFLAGS: flavor.rustFlags.join("\x1f"),
    CARGO_TARGET_DIR: inRoot("target", `wasm-${flavor.name}`),
    ...(flavor.threads && { RUSTC_BOOTSTRAP: "1" }), // -Z on a stable compiler
  },
}));

export const flavorNamed = (name) => flavors.find((flavor) => flavor.name === name);

/** The flavor that works in every supported browser, and whose tests the Rust tests in a browser are. */
export const BASELINE = flavorNamed("simd");

/**
 * The flavor that a current browser on this machine takes of an isolated page: by itself it uses a core less than there
 * are (web/worker/threads.ts), and for one thread the build without threads.
 */
export const here = () => flavorNamed(os.availableParallelism() > 2 ? "relaxed-threads" : "relaxed");
