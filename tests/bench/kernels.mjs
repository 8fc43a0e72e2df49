// The kernels by themselves in headless Chromium, on one thread.
//
//   node tests/bench/kernels.mjs [simd|relaxed] [tower]
//
// Without `tower` GMAC/s of single products, with it the milliseconds of each part of a ViT-B/32. What is measured is
// crates/kernels/benches/kernels.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { OPTIMIZE } from "../../scripts/build.mjs";
import { RUST_BASELINE, flavorNamed } from "../../scripts/flavors.mjs";
import { inRoot } from "../../scripts/lib.mjs";

const [name = "relaxed", what = "products"] = process.argv.slice(2);
const { rustFlags, wasmOpt } = flavorNamed(name);

const args = ["bench", "--no-run", "-p", "clip-vision-kernels", "--bench", "kernels", "--target", "wasm32-unknown-unknown", "--message-format", "json"];
const env = { ...process.env, RUSTFLAGS: rustFlags.join(" "), CARGO_TARGET_DIR: inRoot("target", `bench-${name}`) };
const messages = execFileSync("cargo", args, { cwd: inRoot(), env, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 2 ** 28 });
const built = messages.toString().trim().split("\n").map((line) => JSON.parse(line));
const wasm = built.find(({ target, executable }) => executable && target.kind.includes("bench")).executable;
execFileSync(process.execPath, [
  inRoot("node_modules", "binaryen", "bin", "wasm-opt"), wasm, "-o", `${wasm}.opt`,
  ...OPTIMIZE, ...RUST_BASELINE, "--low-memory-unused", ...wasmOpt,
]);

const flags = JSON.parse(readFileSync(inRoot("webdriver.json"), "utf8"))["goog:chromeOptions"].args;
const extra = (process.env.CHROME_FLAGS ?? "").split(" ").filter(Boolean);
const browser = await chromium.launch({ executablePath: process.env.CHROME ?? "/usr/bin/chromium", args: [...flags, ...extra] });
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
else await products();
await browser.close();

/** By the processor time of the page's thread, which other work on the machine hardly changes. */
async function products() {
  const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const nanoseconds = ({ id }) => Number(readFileSync(`/proc/${id}/task/${id}/schedstat`, "utf8").split(" ")[0]);
  const total = () => renderers.reduce((sum, renderer) => sum + nanoseconds(renderer), 0);
  for (const [rows, inputs, outputs] of [[50, 768, 3072], [50, 3072, 768], [50, 768, 768]]) {
    const rates = [];
    for (const int8 of [0, 1]) {
      const copies = Math.ceil((process.env.WEIGHTS ?? 2 ** 24) / (inputs * outputs));
      await page.evaluate((args) => engine.prepare(...args), [int8, rows, inputs, outputs, copies]);
      const rounds = Math.ceil((int8 ? 2e10 : 1e10) / (rows * inputs * outputs * copies));
      await page.evaluate((count) => engine.multiply(count), Math.ceil(rounds / 4));
      const times = [];
      for (let i = 0; i < 3; i += 1) {
        const before = total();
        await page.evaluate((count) => engine.multiply(count), rounds);
        times.push(total() - before);
      }
      rates.push((rows * inputs * outputs * copies * rounds) / Math.min(...times));
    }
    console.log(`${rows} × ${inputs} × ${outputs}: f32 ${rates[0].toFixed(1)}, int8 ${rates[1].toFixed(1)} GMAC/s`);
  }
}
