// Node itself and the npm packages of package-lock.json.

import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Stop, note, seconds, step } from "../lib/log.mjs";
import { inRoot } from "../lib/paths.mjs";
import { run } from "../lib/run.mjs";
import { forget, hashOf, isDone, markDone } from "../lib/stamp.mjs";

const OLDEST_NODE = 20;

export function requireNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= OLDEST_NODE) return;
  throw new Stop(
    `Node ${process.versions.node} is too old: this project needs ${OLDEST_NODE} or newer.`,
    "nvm install --lts   # or from your system's packages",
  );
}

/** Runs this Node's own npm where npm started us, so that no other version rewrites a lockfile; else the one on PATH. */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  if (script && /\.c?js$/.test(script)) return run(process.execPath, [path.resolve(script), ...args], options);
  return run("npm", args, options);
}

/**
 * In a folder under target/, the packages of a lockfile elsewhere in the repository, unless they are there. Install scripts
 * are not run: what they would download comes as packages of its own. Whether anything was installed.
 */
export async function ensurePackages(stamp, folder, from, what, why) {
  const files = ["package.json", "package-lock.json"].map((file) => path.join(from, file));
  const hash = hashOf(files, process.versions.modules, process.platform);
  if (isDone(stamp, hash, [path.join(folder, "node_modules", ".package-lock.json")])) return false;
  step(`Installing ${what}`, why);
  const begin = Date.now();
  forget(stamp);
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(file, path.join(folder, path.basename(file)));
  // Not `npm ci`: it refuses a lockfile without the packages of other platforms that the registry in use does not have.
  await npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  markDone(stamp, hash);
  note(`installed (${seconds(begin)})`);
  return true;
}

/** node_modules as package-lock.json has it. */
export async function ensureNpmPackages() {
  const { devDependencies } = JSON.parse(readFileSync(inRoot("package.json"), "utf8"));
  const hash = hashOf([inRoot("package-lock.json")], devDependencies, process.versions.modules, process.platform);
  if (isDone("npm", hash, [inRoot("node_modules", ".package-lock.json")])) return;
  step("Installing npm packages", "TypeScript, Vite, wasm-opt and the test runners, as package-lock.json names them");
  const begin = Date.now();
  forget("npm");
  await npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  markDone("npm", hash);
  note(`installed (${seconds(begin)})`);
}
