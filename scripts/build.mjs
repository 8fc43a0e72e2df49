// npm run build [all|package|wasm|typescript]: set-up, then what is out of date. `package` leaves out the demo.

import { buildAll, buildPackage } from "./build/index.mjs";
import { chosenFlavours } from "./build/flavours.mjs";
import { buildSearch } from "./build/search.mjs";
import { buildTypeScript } from "./build/typescript.mjs";
import { buildWasm } from "./build/wasm.mjs";
import { Stop, main, note, seconds } from "./lib/log.mjs";
import { setUpBuild, setUpNode } from "./setup/index.mjs";

const targets = {
  all: async () => buildAll(await setUpBuild()),
  package: async () => buildPackage(await setUpBuild()),
  wasm: async () => {
    const rust = await setUpBuild();
    await buildWasm(chosenFlavours(), rust);
    await buildSearch(rust);
  },
  typescript: async () => {
    await setUpNode();
    await buildTypeScript();
  },
};

await main(async () => {
  const name = process.argv[2] ?? "all";
  const build = targets[name];
  if (!build) throw new Stop(`There is nothing to build called "${name}".`, `npm run build -- ${Object.keys(targets).join("|")}`);
  await build();
  note(`up to date (${seconds()})`);
});
