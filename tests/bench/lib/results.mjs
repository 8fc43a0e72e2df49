// Each section's last result is a file of its own under target/bench/results; the report is made of all that are there, so
// that sections can be run one by one.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { inRoot } from "../../../scripts/lib.mjs";
import { markdown } from "./table.mjs";

const folder = inRoot("target", "bench", "results");
const fileOf = (section) => path.join(folder, `${section}.json`);

/** The machine and what runs on it, one line. */
export const machine = () => {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${cpus[0]?.model.trim() ?? os.arch()}, ${cpus.length} cores, ${memory} GB, ${os.type()} ${os.release().split("-")[0]}`;
};

/** Keeps a section's result: `{ tables, versions, rounds }`. */
export function keep(section, result) {
  mkdirSync(folder, { recursive: true });
  const when = new Date().toISOString().slice(0, 16).replace("T", " ");
  writeFileSync(fileOf(section), JSON.stringify({ ...result, when, machine: machine() }, null, 1));
}

const read = (section) => (existsSync(fileOf(section)) ? JSON.parse(readFileSync(fileOf(section), "utf8")) : undefined);

/** The report of all sections that have a result, in their order. */
export function report(sections) {
  const parts = [
    "# Benchmark",
    "Written by `npm run bench -- --write`. Contenders take turns in one run (A B C, B C A, …) after a warm-up; times are " +
      "milliseconds: the median, and in brackets the quartiles. Everybody has the same random weights and the same pictures; " +
      "cosines are to torch's f32 embeddings.",
  ];
  for (const { name, what } of sections) {
    const result = read(name);
    if (!result) continue;
    parts.push(`## ${name}: ${what}`);
    const versions = Object.entries(result.versions).map(([package_, version]) => `${package_} ${version}`);
    const rounds = result.rounds ? [`${result.rounds} rounds`] : [];
    parts.push([`${result.when} UTC`, result.machine, ...versions, ...rounds].join(" · "));
    parts.push(...result.tables.map(markdown));
  }
  return `${parts.join("\n\n")}\n`;
}
