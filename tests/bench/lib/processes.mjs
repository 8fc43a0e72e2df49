// Native contenders: each a process that stays, with its model loaded, and is given work line by line.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { peakMemory } from "./memory.mjs";

/** Starts a contender, and resolves once it has loaded its model. */
export async function startProcess(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (text) => void (complaints = (complaints + text).slice(-4000)));
  child.stdin.on("error", () => undefined); // its end says more
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(complaints.trim().split("\n").at(-1) || `ended by ${signal ?? `status ${code}`}`));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(await ended);
    return JSON.parse(value);
  };
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  await answer(); // "ready"
  return {
    forward: async (indices) => (await ask(`forward ${indices.join(" ")}`)).ms,
    embed: async (indices) => (await ask(`embed ${indices.join(" ")}`)).embeddings,
    /** Of an image contender: milliseconds from a file's bytes to the tensor. */
    prepare: async (file) => (await ask(file)).ms,
    peakMemory: () => peakMemory(child.pid),
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
