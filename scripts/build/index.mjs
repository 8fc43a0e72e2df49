// The package in dist/, and the demo on top of it.

import { buildDemo } from "./demo.mjs";
import { chosenFlavours } from "./flavours.mjs";
import { buildSearch } from "./search.mjs";
import { buildTypeScript } from "./typescript.mjs";
import { buildWasm } from "./wasm.mjs";

export async function buildPackage(rust, flavours = chosenFlavours()) {
  await buildWasm(flavours, rust);
  await buildSearch(rust);
  await buildTypeScript();
}

export async function buildAll(rust, flavours = chosenFlavours()) {
  await buildPackage(rust, flavours);
  await buildDemo();
}
