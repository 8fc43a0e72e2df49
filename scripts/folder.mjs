// npm run test:folder [-- COUNT [PROFILE]]: a folder of 200,000 small pictures, drawn here, indexed by the command line: how fast, and how its
// memory grows. It fails if pictures are missing, or if memory grows by more than BYTES_A_PICTURE. Not a stage of `npm test`: it takes
// minutes, and 800 MB of disk.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Stop, ask, commandLine, inRoot, main, note, run, seconds, step } from "./lib.mjs";

/** What is remembered of a picture (a hash of its name, its stamp, its place in the file), and a folder's names while it is read. */
const BYTES_A_PICTURE = 400;
const FIRST = 0.1;

/** A BMP of 12×12, another one for each number. */
function drawing(number) {
  const bytes = Buffer.alloc(54 + 12 * 36);
  bytes.write("BM");
  bytes.writeUInt32LE(bytes.length, 2);
  for (const [at, value] of [[10, 54], [14, 40], [18, 12], [22, 12], [34, 432]]) bytes.writeUInt32LE(value, at);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let at = 54; at < bytes.length; at += 1) bytes[at] = (number * (at % 3 === 0 ? 31 : 7) + (at % (3 + (number % 11))) * 40) & 255;
  return bytes;
}

const residentKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

/** Indexes, and looks at the memory ten times a second. */
function index(profile, folder, out) {
  const args = ["index", "--quiet", "--model", inRoot("models", "shapes"), folder, "-o", out];
  const child = spawn(commandLine(profile), args, { stdio: "inherit" });
  const samples = [];
  const timer = setInterval(() => {
    try {
      const kib = residentKiB(child.pid);
      if (kib > 0) samples.push(kib);
    } catch {} // It has ended.
  }, 100);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      clearInterval(timer);
      if (code === 0) resolve(samples);
      else reject(new Stop(`clip-vision index ended with ${code}.`));
    });
  });
}

await main(async () => {
  if (process.platform !== "linux") throw new Stop("Memory is read from /proc: this runs on Linux.");
  const count = Number(process.argv[2] ?? 200_000);
  const profile = process.argv[3] ?? "release";
  await run("cargo", ["build", ...(profile === "release" ? ["--release"] : []), "--locked", "-p", "clip-vision-cli"]);
  const place = mkdtempSync(path.join(os.tmpdir(), "clip-vision-folder-"));
  try {
    step("Drawing pictures", `${count} of 12×12`);
    for (let number = 0; number < count; number += 1) {
      const folder = path.join(place, "photos", String(Math.floor(number / 1000)));
      if (number % 1000 === 0) mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, `${number}.bmp`), drawing(number));
    }
    for (const what of ["all of them", "again, when nothing has changed"]) {
      step("Indexing", what);
      const begin = Date.now();
      const samples = await index(profile, path.join(place, "photos"), path.join(place, "photos.clip-vision"));
      const early = samples[Math.floor(samples.length * FIRST)] ?? 0;
      const most = Math.max(...samples);
      const rate = Math.round(count / ((Date.now() - begin) / 1000));
      note(`${seconds(begin)}, ${rate} a second; ${Math.round(early / 1024)} MiB after a tenth of the time, ${Math.round(most / 1024)} MiB at most`);
      if (what === "all of them" && (most - early) * 1024 > count * BYTES_A_PICTURE) throw new Stop("Memory grows too much.");
    }
    const info = JSON.parse(ask(commandLine(profile), ["info", "--json", path.join(place, "photos.clip-vision")]) ?? "{}");
    if (info.images !== count) throw new Stop(`${info.images} of ${count} pictures are in the index.`);
    note(`${info.images} pictures in the index`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
