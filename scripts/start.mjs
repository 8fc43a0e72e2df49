// npm start: set-up, what has to be built for a current browser on this machine, then the demo on http://localhost:5173/ (PORT
// and HOST name another place). Behind the served page it builds what every other browser takes. `npm run dev` is the same
// with Vite's development server, which reloads as www/ and web/ change.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { peersFolder } from "../tests/bench/setup/peers.mjs";
import { buildAll, buildPackage, demoDist } from "./build.mjs";
import { BASELINE, here } from "./flavors.mjs";
import { inRoot, main, note, seconds, step, warn } from "./lib.mjs";
import { serve } from "./serve.mjs";
import { setUpBuild } from "./setup.mjs";

const port = Number(process.env.PORT ?? 5173);

async function start() {
  await buildAll([here()]);
  // What bench.html compares with, once `npm run bench -- setup gpu` has installed it.
  const onnxruntime = path.join(peersFolder, "onnxruntime-web", "dist");
  const { url } = await serve({ "/": demoDist, ...(existsSync(onnxruntime) && { "/onnxruntime-web": onnxruntime }) }, { port, host: process.env.HOST });
  step(`The demo is at ${url}`, `ready after ${seconds()}; Ctrl-C ends it`);
  os.setPriority(os.constants.priority.PRIORITY_LOW); // the page comes first
  try {
    await buildAll([here(), BASELINE], { keep: true });
    note("every browser can open it now");
  } catch (error) {
    warn(`The build for other browsers failed: ${error.message}`);
  }
}

async function develop() {
  await buildPackage([here(), BASELINE]);
  const tsc = inRoot("node_modules", "typescript", "bin", "tsc");
  const watch = spawn(process.execPath, [tsc, "-p", ".", "--watch", "--preserveWatchOutput"], { cwd: inRoot(), stdio: ["ignore", "inherit", "inherit"] });
  process.on("exit", () => watch.kill());
  const { createServer } = await import("vite");
  const server = await createServer({ root: inRoot("www"), server: { port } });
  await server.listen();
  server.printUrls();
}

await main(async () => {
  await setUpBuild();
  await (process.argv[2] === "dev" ? develop() : start());
});
