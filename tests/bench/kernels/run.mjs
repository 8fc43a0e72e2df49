// The kernels by themselves, natively and in Chromium, rebuilt in seconds: for tuning tiles and loops.
//
//   node tests/bench/kernels/run.mjs native [tower]      every instruction set of this machine
//   node tests/bench/kernels/run.mjs simd|relaxed [tower] the WebAssembly build in headless Chromium, one thread
//
// Without `tower` GMAC/s of single products, with it the milliseconds of each part of a ViT-B/32.

import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { OPTIMISE } from "../../../scripts/build/wasm.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const [where = "native", what = "products"] = process.argv.slice(2);
const FEATURES = { simd: "+simd128", relaxed: "+simd128,+relaxed-simd" };

// A copy, since the kernels' own modules are found beside their file.
const work = path.join(root, "target", "kernel-bench");
mkdirSync(path.join(work, "src"), { recursive: true });
const here = path.join(root, "tests", "bench", "kernels");
cpSync(path.join(here, "Cargo.toml"), path.join(work, "Cargo.toml"));
for (const file of ["lib.rs", "main.rs", "bench.rs", "tower.rs", "error.rs"]) cpSync(path.join(here, file), path.join(work, file));
cpSync(path.join(root, "src", "kernels"), path.join(work, "kernels"), { recursive: true });
cpSync(path.join(root, "src", "kernels.rs"), path.join(work, "kernels.rs"));

const cargo = (args, env = {}) => execFileSync("cargo", args, { cwd: work, stdio: "inherit", env: { ...process.env, ...env } });

if (where === "native") {
  cargo(["run", "--release", "--quiet", "--", what]);
} else {
  const targetDir = path.join(work, "target", where);
  const flags = `-C target-feature=${FEATURES[where]}`;
  cargo(["build", "--release", "--quiet", "--lib", "--target", "wasm32-unknown-unknown"], { RUSTFLAGS: flags, CARGO_TARGET_DIR: targetDir });
  const wasm = path.join(targetDir, "wasm32-unknown-unknown", "release", "kernel_bench.wasm");
  execFileSync(process.execPath, [
    path.join(root, "node_modules", "binaryen", "bin", "wasm-opt"), wasm, "-o", `${wasm}.opt`, ...OPTIMISE, "--low-memory-unused",
    "--enable-simd", "--enable-relaxed-simd", "--enable-bulk-memory", "--enable-bulk-memory-opt", "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int", "--enable-sign-ext", "--enable-reference-types", "--enable-multivalue",
  ]);
  const flagsOfChrome = JSON.parse(readFileSync(path.join(root, "webdriver.json"), "utf8"))["goog:chromeOptions"].args;
  const executablePath = process.env.CHROME ?? "/usr/bin/chromium";
  const extra = (process.env.CHROME_FLAGS ?? "").split(" ").filter(Boolean);
  const browser = await chromium.launch({ executablePath, args: [...flagsOfChrome, ...extra] });
  const page = await browser.newPage();
  page.on("console", (message) => console.log(message.text()));
  await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const host = {
      seconds: () => performance.now() / 1000,
      print: (at, len) => console.log(new TextDecoder().decode(new Uint8Array(engine.memory.buffer, at, len))),
    };
    globalThis.engine = (await WebAssembly.instantiate(bytes, { host })).instance.exports;
  }, readFileSync(`${wasm}.opt`).toString("base64"));
  if (what === "tower") await page.evaluate(() => [0, 1].forEach((int8) => engine.tower(int8, 1, 20)));
  else await products(browser, page);
  await browser.close();
}

/** By the processor time of the page's thread, which other work on the machine hardly changes. */
async function products(browser, page) {
  const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const nanoseconds = ({ id }) => Number(readFileSync(`/proc/${id}/task/${id}/schedstat`, "utf8").split(" ")[0]);
  const total = () => renderers.reduce((sum, renderer) => sum + nanoseconds(renderer), 0);
  for (const [m, k, n] of [[50, 768, 3072], [50, 3072, 768], [50, 768, 768]]) {
    const rates = [];
    for (const int8 of [0, 1]) {
      const copies = Math.ceil((process.env.WEIGHTS ?? 2 ** 24) / (k * n));
      await page.evaluate((args) => engine.prepare(...args), [int8, m, k, n, copies]);
      const rounds = Math.ceil((int8 ? 2e10 : 1e10) / (m * k * n * copies));
      await page.evaluate((count) => engine.multiply(count), Math.ceil(rounds / 4));
      const times = [];
      for (let i = 0; i < 3; i += 1) {
        const before = total();
        await page.evaluate((count) => engine.multiply(count), rounds);
        times.push(total() - before);
      }
      rates.push((m * k * n * copies * rounds) / Math.min(...times));
    }
    console.log(`m ${m} k ${k} n ${n}: f32 ${rates[0].toFixed(1)}, int8 ${rates[1].toFixed(1)} GMAC/s`);
  }
}
