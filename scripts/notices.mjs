// The licenses of the crates that are compiled into the wasm files, as THIRD_PARTY_NOTICES.txt, which is published with them: the
// texts are those that the crates bring along. The standard library's crates are among them.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Stop, ask, filesUnder, inRoot, once } from "./lib.mjs";
import { ensureStdSource } from "./setup.mjs";

export const NOTICES = inRoot("THIRD_PARTY_NOTICES.txt");
const WASM = "wasm32-unknown-unknown";
const LICENSE_FILE = /^((un)?licen[cs]e|copying|copyright|notice)/i;
const RULE = "=".repeat(80);

/** Where the sources of the standard library are, which is a workspace of its own. */
const library = () => path.join(ask("rustc", ["--print", "sysroot"]) ?? "", "lib", "rustlib", "src", "rust", "library");

/** What a cargo command says of a workspace's crates for wasm. */
function cargo(command, workspace, ...args) {
  const options = ["--locked", "--manifest-path", path.join(workspace, "Cargo.toml"), ...args];
  // As the builds with threads: the standard library's manifests use what is not stable.
  const said = ask("cargo", [command, ...options], { env: { RUSTC_BOOTSTRAP: "1" } });
  if (said === null) throw new Stop("cargo can't say which crates are in the wasm files.", `cargo ${command} ${options.join(" ")}`);
  return said;
}

/**
 * What becomes part of these packages of a workspace, and the macros that write parts of it: `{ name, version }`, sorted.
 * Not from `cargo metadata`, which adds the features that other packages of the workspace ask for.
 */
export function cratesOf(workspace, packages) {
  const chosen = packages.flatMap((name) => ["-p", name]);
  const lines = cargo("tree", workspace, ...chosen, "--target", WASM, "-e", "normal", "--prefix", "none", "-f", "{p}").split("\n");
  const found = [...new Set(lines.flatMap((line) => /^(\S+) v(\S+)/.exec(line)?.slice(1).join(" ") ?? []))].sort();
  return found.map((crate) => ({ name: crate.split(" ")[0], version: crate.split(" ")[1] }));
}

/** The crates of others in the wasm files, with what their manifests say and the texts of their licenses. */
function thirdParty() {
  const std = library();
  const workspaces = [
    [inRoot(), ["clip-vision-wasm", "clip-vision-search-wasm"]],
    [std, ["std"]],
  ];
  const crates = workspaces.flatMap(([workspace, packages]) => {
    const known = JSON.parse(cargo("metadata", workspace, "--format-version", "1", "--filter-platform", WASM)).packages;
    return cratesOf(workspace, packages).flatMap(({ name, version }) => {
      const { source, license, repository, manifest_path: manifest } = known.find((one) => one.name === name && one.version === version);
      if (source === null && workspace !== std) return []; // one of our own
      const texts = textsIn(path.dirname(manifest), source === null ? std : undefined);
      if (texts.length === 0) throw new Stop(`The crate ${name} ${version} has no file with its license, which is ${license}.`);
      return [{ name, version, license, repository, texts }];
    });
  });
  // What both have, once.
  return [...new Map(crates.map((crate) => [`${crate.name} ${crate.version}`, crate])).values()];
}

/** The license files of a crate; of one in the standard library's `tree`, those above it, or else those of a part that has some. */
function textsIn(folder, tree) {
  const files = readdirSync(folder).filter((name) => LICENSE_FILE.test(name)).sort();
  if (files.length || !tree) return files.map((name) => readFileSync(path.join(folder, name), "utf8"));
  return textsIn(folder === tree ? path.join(tree, "stdarch") : path.dirname(folder), tree);
}

/** Each text once, with the crates that have it. */
function written(crates) {
  const users = new Map();
  for (const { name, version, texts } of crates) {
    for (const text of texts) {
      const words = text.replace(/\s+/g, " ").trim();
      const entry = users.get(words) ?? { text: text.replace(/\r\n/g, "\n").replace(/^\s*\n|\s+$/g, ""), names: new Set() };
      users.set(words, { ...entry, names: entry.names.add(`${name} ${version}`) });
    }
  }
  const list = crates.map(({ name, version, license, repository }) => [`${name} ${version}`, license, repository ?? []].flat().join("  "));
  const texts = [...users.values()].map(({ text, names }) => `${RULE}\n${[...names].join(", ")}\n${RULE}\n\n${text}\n`);
  return [
    "The wasm files of clip-vision, and the JavaScript around them, are made of clip-vision's own code and of these crates in Rust,",
    "macros and the standard library among them. Each is used under the license beside its name; the texts follow, as the",
    "crates have them. (The JavaScript tokenizers have theirs in dist/vendor/tokenizers.LICENSE.)",
    "",
    ...list,
    "",
    ...texts,
  ].join("\n");
}

/** Writes the file, unless nothing has changed in what it is made of. */
export async function buildNotices() {
  const plan = {
    what: "Writing THIRD_PARTY_NOTICES.txt",
    why: "the licenses of the crates in the wasm files",
    files: filesUnder(["Cargo.toml", "Cargo.lock", "crates", "scripts/notices.mjs"], (file) => /Cargo\.(toml|lock)$|\.mjs$/.test(file)),
    how: ask("rustc", ["-vV"]),
    outputs: [NOTICES],
  };
  await once("notices", plan, async () => {
    await ensureStdSource();
    const crates = thirdParty();
    writeFileSync(NOTICES, written(crates));
    return `${crates.length} crates`;
  });
}
