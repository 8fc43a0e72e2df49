// npm run fuzz:collections [format…]: what takes too long for npm test. Loads 100,000 mutations of saved collections a format in
// threads of Node's. Each must end with rows or an error's code within a second (what a busy machine kept waiting is loaded again),
// and memory must not keep growing. Mutations have numbers: what went wrong is written to target/fuzz/.
//
// FUZZ_COUNT=1000 does fewer, FUZZ_SEED=200000 others.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadMutations, mutation } from "../tests/browser/fixtures/mutations.js";
import { buildPackage } from "./build.mjs";
import { inRoot, main, note, seconds, step } from "./lib.mjs";
import { setUpBuild } from "./setup.mjs";

const COUNT = Number(process.env.FUZZ_COUNT ?? 100_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const LAPS = 10;
/** What the last laps may have more than the second, in bytes. */
const SLACK = 100e6;
const MB = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

/** Files of tests/golden/search by their format. */
const FORMATS = {
  arrow: ["fixed.arrow", "list64.arrow", "ours.arrow", "lz4.arrow", "dictionary.arrow", "nulls.arrow"],
  "arrow-stream": ["stream.arrows"],
  npy: ["f2.npy", "f4.npy", "f8.npy", "version2.npy", "ours.npy"],
  "clip-vision": ["ours.clip-vision", "int8.clip-vision"],
};

const golden = (name) => new Uint8Array(readFileSync(inRoot("tests", "golden", "search", name)));

/** 8-bit rows in our own format: the golden files have none. */
async function int8() {
  const { Embeddings } = await import("../dist/node/search.js");
  const rows = await Embeddings.load(golden("ours.clip-vision"), { precision: "int8" });
  const bytes = new Uint8Array(await (await rows.toBlob()).arrayBuffer());
  rows.close();
  return bytes;
}

await main(async () => {
  await setUpBuild();
  await buildPackage();
  const { Connection } = await import("../target/web/search/connection.js");
  const { Thread } = await import("../target/web/node/thread.js");
  const script = new URL("../dist/node/search_worker.js", import.meta.url);
  const connect = () => new Connection(() => new Thread(script));
  const names = process.argv.slice(2);
  for (const format of Object.keys(FORMATS).filter((name) => names.length === 0 || names.includes(name))) {
    step(`${COUNT} × ${format}`, "mutations of saved collections are loaded");
    const files = await Promise.all(FORMATS[format].map((name) => (name.startsWith("int8") ? int8() : golden(name))));
    const begin = Date.now();
    const memory = [];
    const outcomes = {};
    for (let lap = 0; lap < LAPS; lap += 1) {
      const count = Math.ceil(COUNT / LAPS);
      const seed = SEED + lap * count;
      const result = await loadMutations({ connect, files, count, seed });
      for (const [name, times] of Object.entries(result.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + times;
      memory.push(process.memoryUsage().rss);
      note(`${String(seed + count - SEED).padStart(6)}  ${MB(memory.at(-1)).padStart(7)}  longest ${result.longest.toFixed(0)} ms  ${seconds(begin)}`);
      for (const what of result.wrong) {
        console.error(`${format}: ${what}`);
        const number = Number(/\d+/.exec(what)[0]);
        mkdirSync(inRoot("target", "fuzz"), { recursive: true });
        writeFileSync(inRoot("target", "fuzz", `${format}-${number}`), mutation(files, number));
        process.exitCode = 1;
      }
    }
    note(Object.entries(outcomes).map(([name, times]) => `${name} ${times}`).join(", "));
    const grown = Math.min(...memory.slice(-3)) - memory[1];
    if (grown < SLACK) continue;
    console.error(`${format}: memory grew by ${MB(grown)}`);
    process.exitCode = 1;
  }
});
