// Child processes: run to completion with their output shown, or captured to answer a question.

import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import { root } from "./paths.mjs";

const windows = process.platform === "win32";

export class CommandFailed extends Error {
  constructor(command, how) {
    super(`${command} ${how}`);
    this.name = "CommandFailed";
  }
}

/** The environment of this process with `extra` on top; `extra.PATH` is a list of folders to put first. */
export function environment(extra = {}) {
  const { PATH: folders = [], ...rest } = extra;
  const key = Object.keys(process.env).find((k) => k.toUpperCase() === "PATH") ?? "PATH";
  return { ...process.env, ...rest, [key]: [...folders, process.env[key] ?? ""].join(path.delimiter) };
}

/**
 * Runs a command with its output on this terminal (`quiet`: only stderr, `silent`: nothing); rejects with CommandFailed
 * unless it exits 0.
 */
export function run(command, args, { env = {}, cwd = root, quiet = false, silent = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: environment(env),
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
    env: environment(env),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: windows,
  });
  return answer.status === 0 ? answer.stdout.trim() : null;
}

/** The full path of a program on PATH (or of a path that is given), or null. */
export function which(name, folders = []) {
  const names = windows ? [`${name}.exe`, `${name}.cmd`, name] : [name];
  const places = name.includes(path.sep) ? [""] : [...folders, ...(process.env.PATH ?? "").split(path.delimiter)];
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
