// What Linux says of a process's memory; undefined on systems that have no /proc.

import { readFileSync } from "node:fs";

function status(pid, field) {
  try {
    const kibibytes = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

/** Bytes of real memory of each of a Chromium's pages' processes, by their ids; `cdp` is a session with the browser. */
export async function memoryOfRenderers(cdp) {
  const { processInfo } = await cdp.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  return new Map(renderers.map(({ id }) => [id, residentMemory(id) ?? 0]));
}

/** Bytes of real memory that a process has now. */
export const residentMemory = (pid) => status(pid, "VmRSS");

/** The most that it ever had. */
export const peakMemory = (pid) => status(pid, "VmHWM");
