// The whole set-up, in the order in which things need each other. Each step says what it does and why, once, and is
// silent when there is nothing to do.

import { ensureBrowser } from "./browser.mjs";
import { ensureNpmPackages, requireNode } from "./node.mjs";
import { ensureWasmRust, requireCargo } from "./rust.mjs";
import { ensureWasmBindgen, ensureWasmPack } from "./tools.mjs";

/** Adds a tool's folder to the front of an environment's PATH list; null means that the one on PATH will do. */
const withFolder = (env, folder) => (folder ? { ...env, PATH: [folder, ...(env.PATH ?? [])] } : env);

/** npm packages only: enough for TypeScript and the demo once the wasm files are there. */
export async function setUpNode() {
  requireNode();
  await ensureNpmPackages();
}

/** Everything that building the package takes; resolves to the environment for cargo and wasm-bindgen. */
export async function setUpBuild() {
  requireNode();
  requireCargo(); // before minutes are spent on anything else
  await ensureNpmPackages();
  return withFolder(await ensureWasmRust(), await ensureWasmBindgen());
}

/** What the tests take on top: `rust` as above, `browser` with CHROME and CHROMEDRIVER. */
export async function setUpTests() {
  let rust = await setUpBuild();
  const browser = await ensureBrowser();
  rust = withFolder(rust, await ensureWasmPack());
  return { rust, browser };
}
