// What the scripts share: where things are, what they say, child processes, and what is done already.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

// --- Where things are. What one clone needs is inside it; what clones share is in the user's cache.

export const root = fileURLToPath(new URL("../", import.meta.url)).replace(/[\\/]$/, "");
export const inRoot = (...parts) => path.join(root, ...parts);

/** Tools of a locked version, built once a user and not once a clone. */
export const cache =
  process.env.CLIP_VISION_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "clip-vision");
export const inCache = (...parts) => path.join(cache, ...parts);

/** The command line that cargo builds in a profile's folder, debug or release. */
export const commandLine = (profile) =>
  path.join(process.env.CARGO_TARGET_DIR ?? inRoot("target"), profile, `clip-vision${process.platform === "win32" ? ".exe" : ""}`);

export const dist = inRoot("dist");
/** What TypeScript and wasm-bindgen make, module by module: dist/ is bundled of it, and tests look into it. */
export const modules = inRoot("target", "web");
export const stamps = inRoot("target", "stamps");

// --- What the scripts say: one line a step, and one kind of error that tells a person what to do next.

const started = Date.now();
const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);

/** Seconds since `from` (milliseconds; default: since the script began), for people: "3.2 s", "4 min 5 s". */
export function seconds(from = started) {
  const s = (Date.now() - from) / 1000;
  return s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

/** Says what is done and why, before it is done. Steps with nothing to do stay silent. */
export function step(what, why) {
  console.log(`${paint("1;34", "»")} ${what}${why ? paint("2", ` — ${why}`) : ""}`);
}

export const note = (text) => console.log(`  ${paint("2", text)}`);
export const warn = (text) => console.warn(`${paint("1;33", "!")} ${text}`);

/** Something that only the person can put right: a sentence on what is wrong, then the exact command. */
export class Stop extends Error {
  constructor(message, command) {
    super(message);
    this.name = "Stop";
    this.command = command;
  }
}

/** Runs a script's main function: a Stop prints its command, a failed child has already said why. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (error instanceof Stop) {
      console.error(`\n${paint("1;31", "✗")} ${error.message}`);
      if (error.command) console.error(`  Run this, then try again:\n\n    ${error.command}\n`);
    } else {
      console.error(`\n${paint("1;31", "✗")} ${error?.name === "CommandFailed" ? error.message : error?.stack ?? error}`);
    }
    process.exitCode = 1;
  }
}

// --- Child processes: run to completion with their output shown, or captured to answer a question.

const windows = process.platform === "win32";

export class CommandFailed extends Error {
  constructor(command, how) {
    super(`${command} ${how}`);
    this.name = "CommandFailed";
  }
}

/**
 * Runs a command with its output on this terminal (`quiet`: only stderr, `silent`: nothing); rejects with CommandFailed
 * unless it exits 0. `env` comes on top of this process's environment, in which the set-up names what it found.
 */
export function run(command, args, { env = {}, cwd = root, quiet = false, silent = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", quiet || silent ? "ignore" : "inherit", silent ? "ignore" : "inherit"],
      shell: windows, // npm and friends are .cmd files there
    });
    const line = [path.basename(command), ...args].join(" ");
    child.on("error", (error) => reject(new CommandFailed(line, `could not be started: ${error.message}`)));
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new CommandFailed(line, signal ? `was ended by ${signal}` : `failed with exit status ${code}`));
    });
  });
}

/** What a command prints on stdout, trimmed, or null if it is missing or fails. */
export function ask(command, args, { env = {}, cwd = root } = {}) {
  const answer = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 1 << 28, // `cargo metadata` says a lot
    stdio: ["ignore", "pipe", "ignore"],
    shell: windows,
  });
  return answer.status === 0 ? answer.stdout.trim() : null;
}

/** The full path of a program on PATH (or of a path that is given), or null. */
export function which(name) {
  const names = windows ? [`${name}.exe`, `${name}.cmd`, name] : [name];
  const places = name.includes(path.sep) ? [""] : (process.env.PATH ?? "").split(path.delimiter);
  for (const place of places) {
    for (const candidate of names) {
      const full = place ? path.join(place, candidate) : candidate;
      try {
        accessSync(full, constants.X_OK);
        if (statSync(full).isFile()) return full;
      } catch {
        // not here
      }
    }
  }
  return null;
}

// --- "Already done?" answered by content: a step's stamp holds a hash of all that goes into it, so that a touched file or
// a fresh checkout costs nothing and a changed flag costs a rebuild.

/** Every file under the given files and folders (relative to the repository) that `keep` accepts, sorted. */
export function filesUnder(places, keep = () => true) {
  const found = [];
  const visit = (place) => {
    if (!existsSync(place)) return;
    if (!statSync(place).isDirectory()) return void found.push(place);
    for (const name of readdirSync(place)) {
      if (name !== "node_modules" && !name.startsWith(".")) visit(path.join(place, name));
    }
  };
  for (const place of places) visit(inRoot(place));
  return found.filter(keep).sort();
}

/** A hash of the contents and names of files, and of any further values that decide a step's outcome. */
export function hashOf(files, ...values) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(path.relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.update(JSON.stringify(values)).digest("hex");
}

const stampFile = (name) => path.join(stamps, name);

/** True if the step `name` last ended with this hash and everything it made is still there. */
export function isDone(name, hash, outputs = []) {
  try {
    return readFileSync(stampFile(name), "utf8") === hash && outputs.every((output) => existsSync(output));
  } catch {
    return false;
  }
}

function markDone(name, hash) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stampFile(name), hash);
}

export const forget = (name) => rmSync(stampFile(name), { force: true });

/**
 * Does a step unless it was done with the same `files` and `how`, and its `outputs` are still there; says what it does and
 * why before, and how long it took after, with what `work` resolves to. Whether there was anything to do.
 */
export async function once(name, { what, why, files, how, outputs = [] }, work) {
  const hash = hashOf(files, how);
  if (isDone(name, hash, outputs)) return false;
  step(what, why);
  const begin = Date.now();
  forget(name);
  const said = await work();
  markDone(name, hash);
  note(`${said ?? "done"} (${seconds(begin)})`);
  return true;
}
