// npm run test:demo [-- PLAYWRIGHT'S OPTIONS]: the demo with 50,000 embeddings, 20,000 photos, over a long time, and under
// Lighthouse. Some 20 minutes; it measures frames and tasks, so nothing else should run meanwhile. `npm test` has all the rest of the demo.

import { buildAll } from "./build.mjs";
import { inRoot, main, run } from "./lib.mjs";
import { ensurePackages, setUpTests } from "./setup.mjs";

await main(async () => {
  await setUpTests();
  await buildAll();
  await ensurePackages("lighthouse-npm", { folder: inRoot("target", "lighthouse"), from: inRoot("tests", "demo", "lighthouse"), what: "Lighthouse", why: "one of the tests asks what it says of the demo" });
  await run(process.execPath, [inRoot("node_modules/@playwright/test/cli.js"), "test", "-c", "tests/demo", ...process.argv.slice(2)]);
});
