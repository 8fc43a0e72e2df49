// The wait for the first embedding: the model from a server on this machine, into the cache on the way, and from the cache.

import { summary } from "../lib/statistics.mjs";
import { megabytes, spread } from "../lib/table.mjs";

const MODEL = "b32";

/** The ways to a model, as page/load.js knows them; `before` is not timed. */
const WAYS = [
  { name: "from the server, not cached", run: (tab) => tab.call("uncached") },
  { name: "from the server, into the cache", before: (tab) => tab.call("forget"), run: (tab) => tab.call("cached") },
  { name: "from the cache", run: (tab) => tab.call("cached") },
];

export default {
  name: "load",
  what: "a model from a server and from the cache in Chromium, ViT-B/32",
  needs: ["browser"],
  models: [MODEL],
  rounds: 3,
  async run(bench) {
    const rows = [];
    for (const precision of ["f32", "int8"]) {
      for (const way of WAYS) {
        // A tab each: its process has the most memory that this way ever took.
        const tab = await bench.tab("load", { model: MODEL, precision });
        if (!way.before) await tab.call("cached");
        const answers = [];
        for (let round = 0; round < bench.rounds; round += 1) {
          await way.before?.(tab);
          answers.push(await way.run(tab));
        }
        const bytes = answers[0].bytes;
        rows.push([
          `${precision} ${way.name}`,
          spread(summary(answers.map(({ loaded }) => loaded))),
          spread(summary(answers.map(({ first }) => first))),
          megabytes(bytes),
          megabytes(tab.peakMemory()),
        ]);
        await tab.stop();
      }
    }
    return [
      {
        title: "Until the first embedding, milliseconds",
        columns: ["", "loaded", "first embedding", "weights, MB", "most memory of the tab, MB"],
        rows,
        notes: ["From `ClipVision.load` to its answer, and to the first embedding's; the worker and the engine are started anew each time."],
      },
    ];
  },
};
