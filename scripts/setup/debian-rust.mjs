// The wasm target without rustup: Debian ships rustc, cargo and the source of std, but no std built for wasm32. It is
// built here, once for each compiler version, into a sysroot of our own in the user's cache: links to everything in
// Debian's, plus lib/rustlib/wasm32-unknown-unknown. Nothing under /usr is written to. Two small programs `cargo` and
// `rustc`, put first on PATH for wasm builds only, use it; so wasm-pack and plain cargo find an ordinary target.

import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop, note, seconds, step } from "../lib/log.mjs";
import { inCache } from "../lib/paths.mjs";
import { ask, run, which } from "../lib/run.mjs";
import { aptInstall, hasApt } from "./apt.mjs";

const WASM = "wasm32-unknown-unknown";
const PACKAGES = ["rustc-web", "rust-web-src", "cargo-web"];
const RUSTC = "/usr/bin/rustc";
const CARGO = "/usr/bin/cargo";

const systemSysroot = () => (existsSync(RUSTC) && existsSync(CARGO) ? ask(RUSTC, ["--print", "sysroot"]) : null);
const stdSource = (sysroot) => path.join(sysroot, "lib", "rustlib", "src", "rust", "library");

/** rust-lld of a rustup toolchain (any version links wasm), or Debian's wasm-ld. */
async function ensureLinker() {
  const rustups = ask("rustc", ["--print", "sysroot"]);
  const host = ask("rustc", ["-vV"])?.match(/^host: (.*)$/m)?.[1];
  const rustLld = rustups && host && path.join(rustups, "lib", "rustlib", host, "bin", "rust-lld");
  if (rustLld && existsSync(rustLld)) return rustLld;
  const wasmLd = () => ["wasm-ld", "wasm-ld-22", "wasm-ld-19"].map((name) => which(name)).find(Boolean) ?? null;
  if (!wasmLd()) await aptInstall(["lld"], "links wasm files");
  return wasmLd();
}

/** The environment (PATH, linker) in which Debian's compiler builds for wasm32. */
export async function ensureDebianRust() {
  const complete = () => {
    const sysroot = systemSysroot();
    return sysroot !== null && existsSync(path.join(stdSource(sysroot), "std", "Cargo.toml"));
  };
  if (!complete()) {
    if (!hasApt()) {
      throw new Stop(`The Rust compiler has no standard library for ${WASM}.`, `rustup target add ${WASM}`);
    }
    await aptInstall(PACKAGES, `a Rust compiler with the source of its standard library, to build it for ${WASM}`);
  }
  const version = ask(RUSTC, ["--version"]).split(" ")[1];
  const home = inCache(`rust-debian-${version}`);
  const linker = await ensureLinker();
  const env = { PATH: [path.join(home, "bin")], CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker };
  if (existsSync(path.join(home, ".complete"))) return env;

  step(`Building Rust's standard library for ${WASM}`, `Debian's rustc ${version} comes without it (about 1 minute, once)`);
  const begin = Date.now();
  rmSync(home, { recursive: true, force: true });
  const sysroot = path.join(home, "sysroot");
  linkSysroot(systemSysroot(), sysroot);
  writeWrappers(home, sysroot);
  await buildStd(home, sysroot, linker);
  writeFileSync(path.join(home, ".complete"), `${version}\n`);
  note(`the target is in ${sysroot} (${seconds(begin)})`);
  return env;
}

/** A sysroot whose lib/rustlib is a real folder, to hold one more target, and whose every other part is Debian's. */
function linkSysroot(from, to) {
  const rustlib = path.join("lib", "rustlib");
  mkdirSync(path.join(to, rustlib), { recursive: true });
  for (const name of readdirSync(path.join(from, rustlib))) {
    if (name !== WASM) symlinkSync(path.join(from, rustlib, name), path.join(to, rustlib, name));
  }
}

function writeWrappers(home, sysroot) {
  const bin = path.join(home, "bin");
  mkdirSync(bin, { recursive: true });
  const program = (name, body) => {
    const file = path.join(bin, name);
    writeFileSync(file, `#!/bin/sh\n# Made by clip-vision's set-up: Debian's ${name} with a sysroot that has ${WASM}.\n${body}\n`);
    chmodSync(file, 0o755);
  };
  program("rustc", `exec ${RUSTC} --sysroot '${sysroot}' "$@"`);
  program("rustdoc", `exec /usr/bin/rustdoc --sysroot '${sysroot}' "$@"`);
  // RUSTC_WRAPPER and a rustup override would lead back to the other compiler.
  program("cargo", `unset RUSTUP_TOOLCHAIN RUSTC_WRAPPER\nRUSTC='${bin}/rustc' RUSTDOC='${bin}/rustdoc' exec ${CARGO} "$@"`);
}

/** Builds std as a by-product of an empty crate, then copies its libraries to where rustc looks for a target's. */
async function buildStd(home, sysroot, linker) {
  const crate = path.join(home, "empty");
  mkdirSync(path.join(crate, "src"), { recursive: true });
  writeFileSync(path.join(crate, "Cargo.toml"), '[package]\nname = "empty"\nedition = "2021"\n\n[workspace]\n');
  writeFileSync(path.join(crate, "src", "lib.rs"), "");
  const flags = [
    "build", "--quiet", "--release", "--target", WASM,
    "-Z", "build-std=std,panic_abort,panic_unwind,test,proc_macro",
  ];
  await run(path.join(home, "bin", "cargo"), flags, {
    cwd: crate,
    env: {
      RUSTC_BOOTSTRAP: "1", // -Z on a stable compiler; needed here only
      RUSTFLAGS: "-C embed-bitcode=yes", // or lto = "fat" fails later
      CARGO_TARGET_DIR: path.join(crate, "target"),
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker,
    },
  });
  const deps = path.join(crate, "target", WASM, "release", "deps");
  const lib = path.join(sysroot, "lib", "rustlib", WASM, "lib");
  const fresh = `${lib}.new`;
  mkdirSync(fresh, { recursive: true });
  for (const name of readdirSync(deps)) {
    if (name.endsWith(".rlib") && !name.startsWith("libempty")) copyFileSync(path.join(deps, name), path.join(fresh, name));
  }
  renameSync(fresh, lib);
  rmSync(crate, { recursive: true, force: true });
}
