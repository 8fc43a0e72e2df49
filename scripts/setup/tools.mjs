// wasm-bindgen's command line and wasm-pack, at exact versions: the first has to equal the crate in Cargo.lock (the
// glue's format changes with every release), the second is fixed so that two machines test alike. One that is already
// on PATH is used as it is; otherwise cargo builds it once into the user's cache. Nothing prebuilt is downloaded:
// crates come through cargo, which works wherever a Rust project can be built at all.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop, note, seconds, step } from "../lib/log.mjs";
import { inCache, inRoot } from "../lib/paths.mjs";
import { ask, run, which } from "../lib/run.mjs";

const WASM_PACK = "0.15.1";

/** The version of a crate that Cargo.lock fixes. */
export function lockedVersion(crate) {
  const lock = readFileSync(inRoot("Cargo.lock"), "utf8");
  const match = lock.match(new RegExp(`name = "${crate}"\\r?\\nversion = "([^"]+)"`));
  if (!match) throw new Stop(`Cargo.lock names no version of ${crate}, which the wasm build needs.`);
  return match[1];
}

/**
 * Makes sure that `program` of crate `crate` exists in `version`, and returns its folder to put first on PATH, or null
 * where the one on PATH will do.
 */
async function ensureCargoTool({ crate, program, version, why, cargoArgs = [], env = {} }) {
  const folder = inCache("tools", `${crate}-${version}`);
  const ours = path.join(folder, "bin");
  if (existsSync(`${folder}/.complete`) && which(program, [ours])) return ours;
  const onPath = which(program);
  if (onPath && ask(onPath, ["--version"])?.split(" ")[1] === version) return null;

  step(`Installing ${crate} ${version}`, why);
  const begin = Date.now();
  const args = ["install", crate, "--version", version, "--root", folder, "--force", "--quiet", ...cargoArgs];
  try {
    await run("cargo", [...args, "--locked"], { env, silent: true });
  } catch {
    // A dependency that the crate's own lockfile names can be missing from the index in use (yanked, or a mirror that
    // lags behind); the tool's own version stays fixed all the same.
    note("the dependencies of its own lockfile are not to be had: taking the newest compatible ones");
    await run("cargo", args, { env });
  }
  writeFileSync(`${folder}/.complete`, `${version}\n`);
  note(`${crate} is in ${ours} (${seconds(begin)})`);
  return ours;
}

/** wasm-bindgen and wasm-bindgen-test-runner, of the version of the crate in Cargo.lock. */
export function ensureWasmBindgen() {
  return ensureCargoTool({
    crate: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: lockedVersion("wasm-bindgen"),
    why: "writes the JavaScript around the wasm file; its version has to be the locked one (about 2 minutes, once)",
    // Without TLS, since its test runner talks to a driver on this machine only; without the third program of the
    // crate; and lightly optimised: it runs for a second or two.
    cargoArgs: ["--no-default-features", "--bin", "wasm-bindgen", "--bin", "wasm-bindgen-test-runner"],
    env: { CARGO_PROFILE_RELEASE_OPT_LEVEL: "1" },
  });
}

/** wasm-pack: it only starts other programs, so it is built without optimisation, in a third of the time. */
export function ensureWasmPack() {
  return ensureCargoTool({
    crate: "wasm-pack",
    program: "wasm-pack",
    version: WASM_PACK,
    why: "runs the Rust tests in a browser (about 2 minutes, once)",
    cargoArgs: ["--profile", "dev"],
    env: { CARGO_PROFILE_DEV_DEBUG: "0" },
  });
}
