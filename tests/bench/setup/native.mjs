// tests/bench/native.rs, compiled: the Rust contenders of the native benchmark.

import { Stop, note, seconds, step } from "../../../scripts/lib/log.mjs";
import { ask, run } from "../../../scripts/lib/run.mjs";
import { filesUnder, forget, hashOf, isDone, markDone } from "../../../scripts/lib/stamp.mjs";

const BUILD = ["bench", "--locked", "--no-run", "--bench", "native", "--features", "cli,http,text,tokio"];

/** The program's path. */
export async function ensureNative() {
  const sources = ["Cargo.toml", "Cargo.lock", "src", "tests/bench/native.rs", "tests/bench/candle/src"];
  const hash = hashOf(filesUnder(sources), ask("rustc", ["-vV"]));
  if (!isDone("bench-native", hash)) {
    step("Building the native contenders", "clip-vision and candle for this processor (minutes the first time)");
    const begin = Date.now();
    forget("bench-native");
    await run("cargo", BUILD);
    markDone("bench-native", hash);
    note(`built (${seconds(begin)})`);
  }
  const messages = (ask("cargo", [...BUILD, "--message-format=json"]) ?? "").split("\n").filter((line) => line.startsWith("{"));
  const program = messages.map((line) => JSON.parse(line)).find(({ target, executable }) => target?.name === "native" && executable);
  if (!program) throw new Stop("cargo built no native benchmark.", `cargo ${BUILD.join(" ")}`);
  return program.executable;
}
