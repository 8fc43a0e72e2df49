// target/consumers: the bundlers of tests/consumers/package-lock.json, and beside them the package as npm packs it. Install
// scripts are not run: what they would download comes as packages of its own.

import { copyFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { note, seconds, step } from "../lib/log.mjs";
import { dist, inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { npm } from "./node.mjs";

const folder = inRoot("target", "consumers");
const tarball = path.join(folder, "clip-vision.tgz");

/** Everything that tests/consumers needs; the package has to be built. */
export async function ensureConsumers() {
  await ensureBundlers();
  await ensureInstalled();
}

async function ensureBundlers() {
  const files = ["package.json", "package-lock.json"].map((file) => inRoot("tests", "consumers", file));
  const hash = hashOf(files, process.versions.modules, process.platform);
  if (isDone("consumers-npm", hash, [path.join(folder, "node_modules", ".package-lock.json")])) return;
  step("Installing bundlers", "Vite, webpack, Rollup, esbuild, Parcel and Next.js, to build small projects with the package");
  const begin = Date.now();
  forget("consumers-npm");
  forget("consumers-package");
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(file, path.join(folder, path.basename(file)));
  await npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  markDone("consumers-npm", hash);
  note(`installed (${seconds(begin)})`);
}

/** `npm pack`, and `npm install` of what it made. */
async function ensureInstalled() {
  const hash = hashOf([...filesUnder([path.relative(inRoot(), dist), "src/web"]), inRoot("package.json")]);
  if (isDone("consumers-package", hash, [tarball, path.join(folder, "node_modules", "clip-vision", "package.json")])) return;
  forget("consumers-package");
  const { name, version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
  await npm(["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], { quiet: true });
  renameSync(path.join(folder, `${name}-${version}.tgz`), tarball);
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
  await npm(["install", ...options, tarball], { cwd: folder });
  markDone("consumers-package", hash);
}
