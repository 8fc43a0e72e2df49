// tests/bench/native.rs and images.rs, compiled: the Rust contenders of the native benchmarks.

import { Stop, note, seconds, step } from "../../../scripts/lib/log.mjs";
import { ask, run } from "../../../scripts/lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../../../scripts/lib/stamp.mjs";

/** The path of a program: `native` or `images`. */
export async function ensureNative(name) {
  const build = ["bench", "--locked", "--no-run", "--bench", name]; // with no feature that would build another program too
  const sources = ["Cargo.toml", "Cargo.lock", "src", `tests/bench/${name}.rs`, "tests/bench/candle/src"];
  const hash = hashOf(filesUnder(sources), ask("rustc", ["-vV"]));
  if (!isDone(`bench-${name}`, hash)) {
    step("Building the native contenders", "clip-vision and its peers in Rust for this processor (minutes the first time)");
    const begin = Date.now();
    forget(`bench-${name}`);
    await run("cargo", build);
    markDone(`bench-${name}`, hash);
    note(`built (${seconds(begin)})`);
  }
  const messages = (ask("cargo", [...build, "--message-format=json"]) ?? "").split("\n").filter((line) => line.startsWith("{"));
  const program = messages.map((line) => JSON.parse(line)).find(({ target, executable }) => target?.name === name && executable);
  if (!program) throw new Stop("cargo built no native benchmark.", `cargo ${build.join(" ")}`);
  return program.executable;
}
