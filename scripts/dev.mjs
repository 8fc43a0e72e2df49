// npm run dev: the demo from Vite's development server, which reloads as www/ and web change.

import { spawn } from "node:child_process";
import { chosenFlavours } from "./build/flavours.mjs";
import { buildPackage } from "./build/index.mjs";
import { vite } from "./build/demo.mjs";
import { main } from "./lib/log.mjs";
import { inRoot } from "./lib/paths.mjs";
import { setUpBuild } from "./setup/index.mjs";

await main(async () => {
  await buildPackage(await setUpBuild(), chosenFlavours(({ served }) => served));
  const watch = spawn(process.execPath, [inRoot("node_modules", "typescript", "bin", "tsc"), "-p", ".", "--watch", "--preserveWatchOutput"], {
    cwd: inRoot(),
    stdio: ["ignore", "inherit", "inherit"],
  });
  try {
    await vite("www");
  } finally {
    watch.kill();
  }
});
