/** Small projects with the packed package: where they stand, how they are built, and what has to have come of it. */

import { spawnSync, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { ISOLATION } from "../../scripts/serve.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** What install.mjs made: projects below it find the bundlers and the package in its node_modules. */
export const consumers = path.join(root, "target", "consumers");
export const installed = path.join(consumers, "node_modules", "clip-vision");
export const bin = (...parts: string[]): string => path.join(consumers, "node_modules", ...parts);

/** As strict as the package promises to work with. */
export const STRICT = {
  ...ISOLATION,
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data:",
};

/** A copy of a project's folder, with nothing built in it. */
export function copy(from: string): string {
  const folder = path.join(consumers, path.basename(from));
  rmSync(folder, { recursive: true, force: true });
  cpSync(from, folder, { recursive: true });
  return folder;
}

const environment = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1", NG_CLI_ANALYTICS: "false", FORCE_COLOR: "0" };

/** Runs a script of Node in a project; what it prints. */
export function build(folder: string, script: string, ...args: string[]): string {
  const env = { ...environment, NODE_ENV: "production" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, env, encoding: "utf8" });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** The address that a development server prints. */
export function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const listen = (piece: Buffer): void => {
      output += piece.toString();
      const address = /http:\/\/localhost:\d+(?=[/\s])/.exec(output)?.[0];
      if (address) resolve(`${address}/`);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.on("exit", () => reject(new Error(output)));
  });
}

const hashes = (folder: string): string[] =>
  readdirSync(folder, { encoding: "utf8", recursive: true })
    .filter((file) => file.endsWith(".wasm"))
    .map((file) => createHash("sha256").update(readFileSync(path.join(folder, file))).digest("hex"))
    .sort();

/** Each of the package's wasm files is in the output, and is there once. */
export function checkWasm(out: string): void {
  expect(hashes(out)).toEqual(hashes(path.join(installed, "dist")));
}
