// npm run test:ray: examples/ray on a cluster of two workers on this machine, one of which is killed. Not a stage of `npm test`: Ray is
// 200 MB of packages.

import { Stop, commandLine, inRoot, main, run } from "./lib.mjs";
import { ensurePython } from "./setup.mjs";

await main(async () => {
  const { skipped, python } = await ensurePython("ray", "examples/ray/requirements.txt");
  if (skipped) throw new Stop(skipped);
  await run("cargo", ["build", "--locked", "-p", "clip-vision-cli"]);
  await run(python, [inRoot("examples/ray/test_cluster.py"), inRoot("models/shapes")], { env: { CLIP_VISION: commandLine("debug") } });
});
