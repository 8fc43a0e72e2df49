// What those who use the crates get: what is in the packages of crates.io, the documentation as docs.rs builds it, the oldest compiler, and
// what a new version would break. The first two are stages of `npm test`. The others are commands of their own, for they install something:
//
// npm run test:msrv              compiles the crates with the oldest Rust that Cargo.toml promises; rustup installs it
// npm run test:semver -- TAG     what has changed since TAG (any git revision) that breaks programs, by cargo-semver-checks

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Stop, ask, inRoot, main, note, run, seconds, step, which } from "./lib.mjs";
import { ensureCargoSemverChecks, requireCargo } from "./setup.mjs";

const LICENSES = ["LICENSE-APACHE", "LICENSE-MIT"];
const target = process.env.CARGO_TARGET_DIR ?? inRoot("target");

/** The crates of the workspace, as cargo describes them. */
function allCrates() {
  const answer = ask("cargo", ["metadata", "--no-deps", "--format-version", "1", "--locked", "--offline"]);
  if (answer === null) throw new Stop("cargo can't read the workspace.", "cargo metadata --no-deps");
  return JSON.parse(answer).packages;
}

const publishedCrates = () => allCrates().filter(({ publish }) => publish === null);

/** The features that docs.rs documents a crate with, and rustdoc's options. */
function docsRs({ metadata }) {
  const { features = [], "rustdoc-args": options = [] } = metadata?.docs?.rs ?? {};
  return { features, options };
}

/** Files that a source names by `include_str!` and `include_bytes!`. */
const included = (source) => [...source.matchAll(/include_(?:str|bytes)!\(\s*"([^"]+)"\s*\)/g)].map(([, file]) => file);

/** What crates.io asks for, the licenses' texts, and every file that a source includes are in the package. */
function checkPackage(crate) {
  const wrong = (what) => new Stop(`The package ${crate.name} ${what}.`, `cargo package --list -p ${crate.name}`);
  for (const field of ["description", "license", "readme", "rust_version"]) if (!crate[field]) throw wrong(`has no ${field}`);
  for (const field of ["keywords", "categories"]) {
    const { length } = crate[field];
    if (length < 1 || length > 5) throw wrong(`has ${length} ${field}, not 1 to 5`);
  }
  const listed = ask("cargo", ["package", "--list", "--allow-dirty", "--offline", "-p", crate.name]);
  if (listed === null) throw wrong("can't be listed");
  const files = new Set(listed.split(/\r?\n/).map((file) => file.replaceAll("\\", "/")));
  const folder = path.dirname(crate.manifest_path);
  const text = (...parts) => readFileSync(path.join(...parts), "utf8");
  for (const file of ["README.md", ...LICENSES]) if (!files.has(file)) throw wrong(`lacks ${file}`);
  // They are links to those of the repository, which git may write as files with a path in them.
  for (const file of LICENSES) if (text(folder, file) !== text(inRoot(file))) throw wrong(`has another ${file} than the repository`);
  for (const file of files) {
    if (!file.endsWith(".rs")) continue;
    for (const name of included(text(folder, file))) {
      const at = path.join(folder, path.dirname(file), name);
      // What tests compare with stays in the repository; they are not run from the package.
      if (at.startsWith(inRoot("tests") + path.sep)) continue;
      if (!files.has(path.relative(folder, at).replaceAll(path.sep, "/"))) throw wrong(`lacks ${name}, which ${file} includes`);
    }
  }
}

/** The crates' packages are whole. (That they compile of what is in them takes minutes: docs/building.md has the command.) */
export function checkPackages() {
  const crates = publishedCrates();
  crates.forEach(checkPackage);
  note(`whole: ${crates.map(({ name }) => name).join(", ")}`);
}

/** rustdoc as docs.rs has it, a nightly one. RUSTC_BOOTSTRAP for cargo as a whole would compile what all crates depend on anew. */
function nightlyRustdoc() {
  if (process.platform === "win32") return { RUSTC_BOOTSTRAP: "1" };
  const script = path.join(target, "rustdoc-nightly");
  mkdirSync(target, { recursive: true });
  writeFileSync(script, `#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec "${process.env.RUSTDOC ?? "rustdoc"}" "$@"\n`);
  chmodSync(script, 0o755);
  return { RUSTDOC: script };
}

/** The documentation of each crate, without warnings, with the features that its Cargo.toml names for docs.rs. */
export async function documentAsDocsRs() {
  const nightly = nightlyRustdoc();
  for (const crate of allCrates()) {
    if (!crate.targets.some(({ kind, doc }) => doc && (kind.includes("lib") || kind.includes("cdylib")))) continue;
    const { features, options } = docsRs(crate);
    const env = { ...nightly, RUSTDOCFLAGS: [...options, "-D", "warnings"].join(" ") };
    await run("cargo", ["doc", "--locked", "--no-deps", "-p", crate.name, "--features", features.join(",")], { env });
  }
}

/** Compiles all that is published with the oldest Rust that it is promised for: but `candle`, whose newest version needs a later one. */
async function checkOldest() {
  const crates = publishedCrates();
  const { rust_version: oldest } = crates.find(({ name }) => name === "clip-vision");
  if (!which("rustup")) throw new Stop(`rustup, which can install Rust ${oldest}, is not here.`);
  if (!ask("rustup", ["toolchain", "list"])?.includes(`${oldest}-`)) {
    step(`Installing Rust ${oldest}`, "the oldest that Cargo.toml promises");
    await run("rustup", ["toolchain", "install", oldest, "--profile", "minimal"]);
  }
  for (const crate of crates) {
    const features = docsRs(crate).features.filter((feature) => feature !== "candle").join(",");
    step(`${crate.name} with Rust ${oldest}`, features || "default features");
    const args = ["check", "--locked", "--target-dir", path.join(target, "msrv"), "-p", crate.name, "--features", features];
    await run("cargo", [`+${oldest}`, ...args]);
  }
}

/** Says what in the crates' API breaks programs that were written for a revision. */
async function checkVersions(revision) {
  if (!revision) throw new Stop("Since which revision? A tag, a branch or a commit.", "npm run test:semver -- TAG");
  await ensureCargoSemverChecks();
  const libraries = publishedCrates().filter(({ targets }) => targets.some(({ kind }) => kind.includes("lib")));
  const packages = libraries.flatMap(({ name }) => ["-p", name]);
  await run("cargo", ["semver-checks", ...packages, "--baseline-rev", revision, "--default-features"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    requireCargo();
    const [command, revision] = process.argv.slice(2);
    if (command === "msrv") await checkOldest();
    else if (command === "semver") await checkVersions(revision);
    else throw new Stop(`There is no command ${command ?? ""}.`, "npm run test:msrv");
    note(`in order (${seconds()})`);
  });
}
