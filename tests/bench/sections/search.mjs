// Exact search among many embeddings in a browser, on one thread: topK and Embeddings beside a loop in JavaScript.

import { summary } from "../lib/statistics.mjs";
import { ratio, spread } from "../lib/table.mjs";
import { startAll, takeTurns } from "../lib/turns.mjs";

const DIMENSION = 512;
/** Half a gigabyte each. */
const COUNTS = { int8: 1_000_000, f32: 250_000 };
const QUERIES = 50;

const CONTENDERS = Object.keys(COUNTS).flatMap((kind) => [
  { name: `topK ${kind}, on the page`, how: "topK", kind },
  { name: `Embeddings ${kind}, in its worker`, how: "Embeddings", kind },
  { name: `a JavaScript loop, ${kind}`, how: "loop", kind },
]);

export default {
  name: "search",
  what: "the best 10 of a million embeddings of 512 values in Chromium, one thread",
  needs: ["package"],
  rounds: 9,
  async run(bench) {
    const contenders = CONTENDERS.map((contender) => ({
      ...contender,
      start: () => bench.tab("search", { ...contender, count: COUNTS[contender.kind], dimension: DIMENSION }),
    }));
    const started = await startAll(contenders, bench.say);
    const timed = await takeTurns(started, (runner) => runner.call("search"), { rounds: bench.rounds, warmUp: 1 });
    const asked = timed.find(({ runner }) => runner);
    const recall = await asked?.runner.call("recall", QUERIES);
    for (const { runner } of timed) await runner?.stop();

    const timeOf = ({ values }) => summary(values.map(({ ms }) => ms));
    const results = timed.filter(({ reason }) => !reason);
    const rows = results.map((result) => {
      const peer = results.find(({ how, kind }) => how === "loop" && kind === result.kind);
      const right = result.values.every(({ best }) => best === 7);
      return [result.name, COUNTS[result.kind], spread(timeOf(result)), ratio(timeOf(result).median / (peer ? timeOf(peer).median : NaN)), right ? "yes" : "no"];
    });
    return [
      {
        title: "One search, milliseconds",
        columns: ["", "rows", "ms (quartiles)", "÷ the loop", "finds the query's own row"],
        rows,
        skipped: timed.filter(({ reason }) => reason).map(({ name, reason }) => ({ name, reason })),
        notes: [
          `\`topK\` copies the matrix block by block; \`Embeddings\` has it in its worker, and its time has the messages in it. ` +
            `Of an exact search's best ten, int8 finds ${ratio(recall)} (100,000 rows about 1,000 centres, ${QUERIES} queries).`,
        ],
        raw: [...timed.map(({ runner, ...rest }) => rest), { recall }],
      },
    ];
  },
};
