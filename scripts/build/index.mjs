// The package in dist/, and the demo on top of it.

import { buildDemo } from "./demo.mjs";
import { flavours } from "./flavours.mjs";
import { buildSearch } from "./search.mjs";
import { buildTypeScript } from "./typescript.mjs";
import { buildWasm } from "./wasm.mjs";

export async function buildPackage(rust) {
  for (const flavour of flavours) await buildWasm(flavour, rust); // one after the other: each uses every core
  await buildSearch(rust);
  await buildTypeScript();
}

export async function buildAll(rust) {
  await buildPackage(rust);
  await buildDemo();
}
