// target/consumers: the bundlers of tests/consumers/package-lock.json, and beside them the package as npm packs it.

import { readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { dist, inRoot } from "../lib/paths.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";
import { ensurePackages, npm } from "./node.mjs";

const folder = inRoot("target", "consumers");
const tarball = path.join(folder, "clip-vision.tgz");

/** Everything that tests/consumers needs; the package has to be built. */
export async function ensureConsumers() {
  const why = "Vite, webpack, Rollup, esbuild, Parcel and Next.js build small projects with the package";
  if (await ensurePackages("consumers-npm", folder, inRoot("tests", "consumers"), "bundlers", why)) forget("consumers-package");
  await ensureInstalled();
}

/** `npm pack`, and `npm install` of what it made. */
async function ensureInstalled() {
  const hash = hashOf([...filesUnder([path.relative(inRoot(), dist), "web"]), inRoot("package.json")]);
  if (isDone("consumers-package", hash, [tarball, path.join(folder, "node_modules", "clip-vision", "package.json")])) return;
  forget("consumers-package");
  const { name, version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
  await npm(["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], { quiet: true });
  renameSync(path.join(folder, `${name}-${version}.tgz`), tarball);
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];
  await npm(["install", ...options, tarball], { cwd: folder });
  // Vite keeps what it made of a package for as long as the package's version is the same.
  rmSync(path.join(folder, "node_modules", ".vite"), { recursive: true, force: true });
  markDone("consumers-package", hash);
}
