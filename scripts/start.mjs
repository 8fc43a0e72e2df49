// npm start: set-up, whatever has to be built, then the demo on http://localhost:5173/ (PORT names another).

import { buildAll } from "./build/index.mjs";
import { chosenFlavours } from "./build/flavours.mjs";
import { demoDist } from "./build/demo.mjs";
import { main, seconds, step } from "./lib/log.mjs";
import { serve } from "./serve.mjs";
import { setUpBuild } from "./setup/index.mjs";

await main(async () => {
  await buildAll(await setUpBuild(), chosenFlavours(({ served }) => served));
  const { url } = await serve(demoDist, { port: Number(process.env.PORT ?? 5173), host: process.env.HOST });
  step(`The demo is at ${url}`, `ready after ${seconds()}; Ctrl-C ends it`);
});
