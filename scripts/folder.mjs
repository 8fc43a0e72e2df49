// npm run test:folder [-- COUNT [PROFILE]]: a folder of 200,000 small pictures, drawn here, indexed by the command line: how fast, and how its
// memory grows; then once more from nothing, killed ten times on the way. It fails if pictures are missing or there twice, if a kill
// loses what was computed, or if memory grows by more than BYTES_A_PICTURE. Not a stage of `npm test`: it takes minutes, and 800 MB of
// disk.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Stop, ask, commandLine, inRoot, main, note, run, seconds, step } from "./lib.mjs";

/** What is remembered of a picture (a hash of its name, its stamp, its place in the file), and a folder's names while it is read. */
const BYTES_A_PICTURE = 400;
/** What the queues between threads may come to have later than after a tenth of the time. */
const BYTES_OF_QUEUES = 8 << 20;
const FIRST = 0.1;
const KILLS = 10;
/** Of a picture's record among the rows: its name and its embedding. */
const LONGEST_RECORD = 8192;

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

const bytesOf = (file) => (existsSync(file) ? statSync(file).size : 0);

/**
 * Indexes, and looks at the memory ten times a second: the looks, and the command's last line, which says how many it computed. It is
 * killed when its rows have `killAt` bytes.
 */
function index(profile, folder, out, killAt = Infinity) {
  const args = ["index", "--model", inRoot("models", "shapes"), folder, "-o", out];
  const child = spawn(commandLine(profile), args, { stdio: ["ignore", "inherit", "pipe"] });
  const samples = [];
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const timer = setInterval(() => {
    try {
      const kib = residentKiB(child.pid);
      if (kib > 0) samples.push(kib);
    } catch {} // It has ended.
    if (bytesOf(`${out}.rows`) >= killAt) child.kill("SIGKILL");
  }, 100);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearInterval(timer);
      if (code === 0 || signal === "SIGKILL") resolve({ samples, killed: code !== 0, said: said.trim() });
      else reject(new Stop(`clip-vision index ended with ${code}: ${said}`));
    });
  });
}

await main(async () => {
  if (process.platform !== "linux") throw new Stop("Memory is read from /proc: this runs on Linux.");
  const count = Number(process.argv[2] ?? 200_000);
  const profile = process.argv[3] ?? "release";
  await run("cargo", ["build", ...(profile === "release" ? ["--release"] : []), "--locked", "-p", "clip-vision-cli"]);
  const place = mkdtempSync(path.join(os.tmpdir(), "clip-vision-folder-"));
  const photos = path.join(place, "photos");
  try {
    step("Drawing pictures", `${count} of 12×12`);
    for (let number = 0; number < count; number += 1) {
      const folder = path.join(photos, String(Math.floor(number / 1000)));
      if (number % 1000 === 0) mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, `${number}.bmp`), drawing(number));
    }
    const whole = path.join(place, "photos.clip-vision");
    for (const what of ["all of them", "again, when nothing has changed"]) {
      step("Indexing", what);
      const begin = Date.now();
      const { samples, said } = await index(profile, photos, whole);
      const early = samples[Math.floor(samples.length * FIRST)] ?? 0;
      const most = Math.max(...samples);
      const rate = Math.round(count / ((Date.now() - begin) / 1000));
      note(said);
      note(`${seconds(begin)}, ${rate} a second; ${Math.round(early / 1024)} MiB after a tenth of the time, ${Math.round(most / 1024)} MiB at most`);
      if (what === "all of them" && (most - early) * 1024 > count * BYTES_A_PICTURE + BYTES_OF_QUEUES) throw new Stop("Memory grows too much.");
    }

    step("Indexing", `from nothing, killed ${KILLS} times`);
    const killed = path.join(place, "killed.clip-vision");
    const begin = Date.now();
    let kept = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const outcome = await index(profile, photos, killed, (kill / (KILLS + 1)) * bytesOf(`${whole}.rows`));
      if (!outcome.killed) throw new Stop(`It was done before the kill ${kill}: give it more pictures.`);
      // A record that the kill cut short is cut off when the next run starts, no more.
      const now = bytesOf(`${killed}.rows`);
      if (now < kept - LONGEST_RECORD) throw new Stop(`After the kill ${kill} the rows have ${now} bytes, before it they had ${kept}.`);
      kept = now;
    }
    const { said } = await index(profile, photos, killed);
    note(`${KILLS} kills; the last run: ${said} (${seconds(begin)} in all)`);
    const [, computed, before] = /: (\d+) computed, (\d+) as they were/.exec(said) ?? [];
    if (Number(computed) + Number(before) !== count || Number(before) === 0) throw new Stop("These are not all, or it began anew.");
    for (const file of [whole, killed]) {
      const info = JSON.parse(ask(commandLine(profile), ["info", "--json", file]) ?? "{}");
      if (info.images !== count) throw new Stop(`${info.images} of ${count} pictures are in ${path.basename(file)}.`);
    }
    // The pictures come in one order, so the files have the same names and rows.
    if (!readFileSync(whole).equals(readFileSync(killed))) throw new Stop("The index that was killed is another one.");
    note(`${count} pictures in both indexes, which are equal to the byte`);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
