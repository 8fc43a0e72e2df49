// tests/bench/native.rs and images.rs, compiled: the Rust contenders of the native benchmarks.

import { Stop, ask, filesUnder, once, run } from "../../../scripts/lib.mjs";

/** The path of a program: `native` or `images`. */
export async function ensureNative(name) {
  const owner = { native: "clip-vision-reference", images: "clip-vision" }[name]; // with no feature that would build another program too
  const build = ["bench", "--locked", "--no-run", "-p", owner, "--bench", name];
  const sources = ["Cargo.toml", "Cargo.lock", "crates", "src", "tests/reference", `tests/bench/${name}.rs`, "tests/bench/candle/src"];
  const plan = {
    what: "Building the native contenders",
    why: "clip-vision and its peers in Rust for this processor (minutes the first time)",
    files: filesUnder(sources),
    how: ask("rustc", ["-vV"]),
  };
  await once(`bench-${name}`, plan, () => run("cargo", build));
  const messages = (ask("cargo", [...build, "--message-format=json"]) ?? "").split("\n").filter((line) => line.startsWith("{"));
  const program = messages.map((line) => JSON.parse(line)).find(({ target, executable }) => target?.name === name && executable);
  if (!program) throw new Stop("cargo built no native benchmark.", `cargo ${build.join(" ")}`);
  return program.executable;
}
