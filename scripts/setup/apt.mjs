// System packages, on Debian and its kin: installed when this user may (root, or sudo without a password), otherwise the
// command to run is said and everything stops there.

import { Stop, note, seconds, step } from "../lib/log.mjs";
import { ask, run, which } from "../lib/run.mjs";

const isRoot = process.getuid?.() === 0;

export const hasApt = () => process.platform === "linux" && which("apt-get") !== null;

/** The command that a person would run, whether or not this script may. */
export const aptCommand = (packages) => `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;

/** Installs packages without their recommendations; `why` ends the line that says so. */
export async function aptInstall(packages, why) {
  const sudo = isRoot ? [] : ["sudo", "-n"];
  if (!isRoot && ask("sudo", ["-n", "true"]) === null) {
    throw new Stop(`Missing: ${packages.join(", ")} — ${why}. Installing it needs root.`, aptCommand(packages));
  }
  step(`Installing ${packages.join(", ")} with apt-get`, why);
  const begin = Date.now();
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...args];
    return run(command, rest, { quiet: true });
  };
  try {
    await apt("update");
  } catch {
    note("apt-get update failed; trying with the lists that are here");
  }
  try {
    await apt("install", "-y", "--no-install-recommends", ...packages);
  } catch (error) {
    throw new Stop(`${error.message}.`, aptCommand(packages));
  }
  note(`installed (${seconds(begin)})`);
}
