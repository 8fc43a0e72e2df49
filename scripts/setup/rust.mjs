// Rust for wasm32-unknown-unknown. On most machines rustup has the target or can fetch it. Where it can't (no network
// beyond the package registries, or a cargo without rustup) Debian's packages have a compiler and the source of its
// standard library, from which the target is built here: see debian-rust.mjs.
//
// CLIP_VISION_RUST=rustup or =debian decides which way to go, for a machine on which the other one is broken.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Stop, note, step } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";
import { ask, run, which } from "../lib/run.mjs";
import { ensureDebianRust } from "./debian-rust.mjs";

export const WASM = "wasm32-unknown-unknown";

/** cargo and rustc, which this project can't install for a person: stops with the command if they are missing or old. */
export function requireCargo() {
  const version = which("cargo") && ask("rustc", ["--version"])?.match(/(\d+)\.(\d+)/);
  if (!version) {
    throw new Stop(
      "There is no Rust compiler on PATH (cargo and rustc).",
      "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . ~/.cargo/env",
    );
  }
  const oldest = readFileSync(inRoot("Cargo.toml"), "utf8").match(/^rust-version = "(\d+)\.(\d+)/m);
  if (oldest && Number(version[2]) < Number(oldest[2])) {
    throw new Stop(`Rust ${version[0]} is too old: the crate needs ${oldest[1]}.${oldest[2]} or newer.`, "rustup update stable");
  }
}

const hasStd = (sysroot) => sysroot !== null && existsSync(path.join(sysroot, "lib", "rustlib", WASM, "lib"));

async function rustupTarget() {
  if (!which("rustup")) return false;
  step(`Adding the target ${WASM} with rustup`, "the compiler has no standard library for wasm yet");
  try {
    await run("rustup", ["target", "add", WASM]);
    return hasStd(ask("rustc", ["--print", "sysroot"]));
  } catch {
    note("rustup could not fetch it; building it from Debian's packages instead");
    return false;
  }
}

/** The environment in which `cargo build --target wasm32-unknown-unknown` works; empty where it does anyway. */
export async function ensureWasmRust() {
  requireCargo();
  const way = process.env.CLIP_VISION_RUST ?? "any";
  if (way !== "debian") {
    if (hasStd(ask("rustc", ["--print", "sysroot"])) || (await rustupTarget())) return {};
    if (way === "rustup") throw new Stop(`rustup could not add ${WASM}.`, `rustup target add ${WASM}`);
  }
  return ensureDebianRust();
}

const hasStdSource = (sysroot) =>
  sysroot !== null && existsSync(path.join(sysroot, "lib", "rustlib", "src", "rust", "library", "std", "Cargo.toml"));

/**
 * The environment in which std itself can be compiled (`-Z build-std`), which threads need: `rust`, the one for ordinary
 * builds, where it has std's source or rustup can fetch that, otherwise Debian's compiler.
 */
export async function ensureStdSource(rust) {
  const sysroot = () => ask("rustc", ["--print", "sysroot"], { env: rust });
  if (hasStdSource(sysroot())) return rust;
  if (which("rustup") && process.env.CLIP_VISION_RUST !== "debian") {
    step("Adding the source of Rust's standard library with rustup", "for threads it is compiled anew");
    try {
      await run("rustup", ["component", "add", "rust-src"]);
      if (hasStdSource(sysroot())) return rust;
    } catch {
      note("rustup could not fetch it; taking Debian's compiler instead");
    }
  }
  const debian = await ensureDebianRust();
  return { ...rust, ...debian, PATH: [...debian.PATH, ...(rust.PATH ?? [])] };
}
