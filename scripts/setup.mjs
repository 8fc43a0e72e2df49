// npm run setup [build|tests]: installs what is missing and prints the environment that the tools need, as shell lines,
// for those who want to call cargo and wasm-pack by hand.

import path from "node:path";
import { main } from "./lib/log.mjs";
import { setUpBuild, setUpTests } from "./setup/index.mjs";

await main(async () => {
  const { rust, browser = {} } = process.argv[2] === "build" ? { rust: await setUpBuild() } : await setUpTests();
  const { PATH = [], ...variables } = { ...rust, ...browser };
  console.log("\n# For cargo, wasm-bindgen and wasm-pack by hand:");
  if (PATH.length) console.log(`export PATH='${PATH.join(path.delimiter)}${path.delimiter}'"$PATH"`);
  for (const [name, value] of Object.entries(variables)) console.log(`export ${name}='${value}'`);
});
