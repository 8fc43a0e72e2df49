// npm run audit: what the crates and the npm packages are that this project builds on, in every lockfile of it. deny.toml says what is
// allowed of crates; cargo-deny is installed if it is missing. What can't be asked from here, for want of a connection, is
// skipped, and said to be. `npm test` has what needs no connection.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Stop, ask, filesUnder, inRoot, main, note, root, run, seconds, step, warn } from "./lib.mjs";
import { ensureCargoDeny, requireCargo, setUpNode } from "./setup.mjs";

const REGISTRY = "https://registry.npmjs.org/";
const PLACES = ["Cargo.lock", "package-lock.json", "crates", "fuzz", "scripts", "tests"];
const lockfiles = (name) => filesUnder(PLACES, (file) => path.basename(file) === name);
const shown = (file) => path.relative(root, file);

/** Every package of an npm lockfile comes from npm's registry and has the sha512 that it was published with. */
function checkNpmLocks() {
  for (const file of lockfiles("package-lock.json")) {
    const { packages } = JSON.parse(readFileSync(file, "utf8"));
    for (const [place, { resolved = REGISTRY, integrity, link }] of Object.entries(packages)) {
      if (place === "" || link) continue;
      if (!resolved.startsWith(REGISTRY)) throw new Stop(`${shown(file)}: ${place} comes from ${resolved}, not from npm's registry.`);
      if (!/^sha512-[\w+/]{86}==$/.test(integrity ?? "")) throw new Stop(`${shown(file)}: ${place} has no sha512.`);
    }
  }
}

/**
 * No crate of Cargo.lock needs a later Rust than Cargo.toml promises (`rust-version`); that our own code does not is clippy's to say
 * (`incompatible_msrv`). False where not all crates were fetched.
 */
function checkRustVersions() {
  const args = ["metadata", "--format-version", "1", "--locked", "--offline"];
  const { status, stdout } = spawnSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
  if (status !== 0) return false;
  const numbers = (version) => version.split(".").map(Number);
  const { packages } = JSON.parse(stdout);
  const ours = packages.find(({ name, source }) => name === "clip-vision" && source === null)?.rust_version;
  if (!ours) throw new Stop("Cargo.toml has no rust-version.");
  const isLater = (version) => {
    const [[major, minor = 0], [ourMajor, ourMinor = 0]] = [numbers(version), numbers(ours)];
    return major > ourMajor || (major === ourMajor && minor > ourMinor);
  };
  const later = packages.filter(({ rust_version: version }) => version && isLater(version));
  if (later.length) throw new Stop(`These crates need a later Rust than ${ours}: ${later.map(({ name, version, rust_version: rust }) => `${name} ${version} (${rust})`).join(", ")}.`);
  return true;
}

/** cargo-deny's checks of one lockfile. */
function deny(lockfile, checks, ...options) {
  const manifest = path.join(path.dirname(lockfile), "Cargo.toml");
  const args = ["--locked", "--log-level", "error", "--manifest-path", manifest, "--config", inRoot("deny.toml"), ...options];
  // An advisory that deny.toml excuses need not be in every lockfile.
  return run("cargo", ["deny", ...args, "check", "-A", "advisory-not-detected", ...checks]);
}

/** What needs no connection: the lockfiles, and if cargo-deny is there, where crates come from and under which licenses. */
export async function audit({ install = false } = {}) {
  checkNpmLocks();
  const isChecked = checkRustVersions();
  if (!(await ensureCargoDeny(install))) return { skipped: "no cargo-deny here (npm run audit installs it); npm's lockfiles are in order" };
  if (!install && ask("cargo", ["fetch", "--locked", "--offline"]) === null) {
    return { skipped: "some crates were never fetched (cargo fetch has all platforms'); npm's lockfiles are in order" };
  }
  await deny(inRoot("Cargo.lock"), ["bans", "licenses", "sources"], "--offline");
  if (!isChecked) return { skipped: "cargo metadata fails offline, so no crate's rust-version is known; licenses and sources are in order" };
  return {};
}

/** The advisories on the crates of each lockfile; whether the database could be had. */
async function checkAdvisories() {
  if (ask("cargo", ["deny", "--config", inRoot("deny.toml"), "fetch", "db"]) === null) return false;
  for (const lockfile of lockfiles("Cargo.lock")) {
    note(shown(lockfile));
    await deny(lockfile, ["advisories", "sources"]);
  }
  return true;
}

/** What npm answers in JSON, whatever its exit status; an empty object if that is no answer. */
function askNpm(args, cwd) {
  const options = { cwd, encoding: "utf8", shell: process.platform === "win32" };
  const { stdout } = spawnSync("npm", [...args, "--json", "--fetch-retries=0"], options);
  try {
    return JSON.parse(stdout);
  } catch {
    return {};
  }
}

/** npm's advisories on each lockfile; whether its registry answered. */
function checkNpmAdvisories() {
  const found = [];
  let answered = true;
  for (const file of lockfiles("package-lock.json")) {
    const { auditReportVersion, vulnerabilities } = askNpm(["audit", "--package-lock-only"], path.dirname(file));
    answered &&= auditReportVersion !== undefined;
    for (const { name, severity, range } of Object.values(vulnerabilities ?? {})) found.push(`${shown(file)}: ${name} ${range}, ${severity}`);
  }
  if (found.length) throw new Stop(`npm knows advisories:\n  ${found.join("\n  ")}`, "npm audit");
  return answered;
}

/** The registry's signatures of what is installed in node_modules; whether they could be checked. */
function checkSignatures() {
  const { invalid, missing } = askNpm(["audit", "signatures"], root);
  if (invalid === undefined) return false;
  const wrong = [...invalid, ...missing].map(({ name, version }) => `${name} ${version}`);
  if (wrong.length) throw new Stop(`Without the registry's signature: ${wrong.join(", ")}`, "npm audit signatures");
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    requireCargo();
    await setUpNode();
    step("Where packages come from, and their licenses", "every lockfile, deny.toml");
    await audit({ install: true });
    const parts = [
      ["Advisories on crates", "https://github.com/RustSec/advisory-db", checkAdvisories],
      ["Advisories on npm packages", "npm audit", checkNpmAdvisories],
      ["Signatures of npm packages", "npm audit signatures", checkSignatures],
    ];
    const skipped = [];
    for (const [what, where, check] of parts) {
      step(what, where);
      if (await check()) continue;
      skipped.push(what);
      warn(`skipped: ${where} does not answer from here`);
    }
    note(`${skipped.length ? `skipped: ${skipped.join(", ")}; all else` : "all"} in order (${seconds()})`);
  });
}
