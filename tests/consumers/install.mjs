// target/consumers: the bundlers of tests/consumers/package-lock.json, and beside them the package as npm packs it.

import { readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { filesUnder, forget, inRoot, once } from "../../scripts/lib.mjs";
import { ensurePackages, npm } from "../../scripts/setup.mjs";

const folder = inRoot("target", "consumers");
const tarball = path.join(folder, "clip-vision.tgz");
const QUIET = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** Everything that tests/consumers needs; the package has to be built. */
export async function ensureConsumers() {
  const bundlers = {
    folder,
    from: inRoot("tests", "consumers"),
    what: "bundlers and frameworks",
    why: "they build examples/web and small projects with the package (1.2 GB, a minute or two, once)",
  };
  if (await ensurePackages("consumers-npm", bundlers)) forget("consumers-package");
  const packed = {
    what: "Packing the package",
    why: "as npm publishes it, installed beside the bundlers",
    files: filesUnder(["dist", "web", "package.json", "THIRD_PARTY_NOTICES.txt"]),
    outputs: [tarball, path.join(folder, "node_modules", "clip-vision", "package.json")],
  };
  await once("consumers-package", packed, async () => {
    const { name, version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
    await npm(["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], { quiet: true });
    renameSync(path.join(folder, `${name}-${version}.tgz`), tarball);
    await npm(["install", "--no-save", "--prefer-offline", ...QUIET, tarball], { cwd: folder });
    // Vite keeps what it made of a package for as long as the package's version is the same.
    rmSync(path.join(folder, "node_modules", ".vite"), { recursive: true, force: true });
  });
}
