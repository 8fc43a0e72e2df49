// A query's first and second time and bytes, with the table of a SigLIP 2 left in its file, and with all of it.

import { bytes, countedPages, repository, requests } from "../lib/counted_pages.mjs";
import { summary } from "../lib/statistics.mjs";
import { megabytes, spread } from "../lib/table.mjs";

const MODEL = "siglip2-b16-256";
const ID = `bench/${MODEL}`;
const FILES = ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"];
/** 256,000 tokens of 768 values in f32. */
const TABLE = 256_000 * 768 * 4;

const WAYS = ["f32", "int8"].flatMap((precision) => ["ranges", "whole"].map((table) => ({ precision, table })));
/** The second has words that are new, the third has not. */
const QUERIES = { first: "two dogs on a beach", second: "a red bicycle in the snow", third: "two dogs on a beach in the snow" };

export default {
  name: "query",
  what: "the first queries of a page in Chromium, SigLIP 2 B/16-256's text tower with its table of 256,000 tokens",
  needs: ["package"],
  models: [MODEL],
  rounds: 3,
  async run(bench) {
    const pages = await countedPages(bench.chrome, { [ID]: repository(MODEL, FILES) });
    const measured = WAYS.map((way) => ({ ...way, visits: [] }));
    try {
      for (let round = 0; round < bench.rounds; round += 1) {
        for (const way of measured) way.visits.push(await visit(pages, way));
        bench.say(`round ${round + 1} of ${bench.rounds}`);
      }
    } finally {
      await pages.close();
    }
    return [
      {
        title: "A query",
        columns: [
          "table", "precision", "first query, ms", "its bytes, MB", "of these the table's, kB", "second, ms", "its kB", "requests", "with known words, ms",
          "next visit's first, ms", "its kB",
        ],
        rows: measured.map(rowOf),
        notes: [
          `The table has ${megabytes(TABLE)} MB in f32. Everything comes from a hub on this machine and goes into the browser's cache; the vision tower is ` +
            "loaded before and not counted. The first query loads the tokenizer (256,000 tokens) and the text tower; " +
            "the second has words that are new, the one after it has not. The next visit takes tower, tokenizer and known rows from the cache.",
        ],
      },
    ];
  },
};

function rowOf({ precision, table, visits }) {
  const time = (pick) => spread(summary(visits.map((visit) => pick(visit).ms)));
  const [{ first, second, again }] = visits;
  const kB = (count) => (count / 1000).toFixed(1);
  return [
    table, precision, time(({ first }) => first), megabytes(bytes(first.counted)), table === "ranges" ? kB(first.tableBytes) : kB(TABLE),
    time(({ second }) => second), kB(bytes(second.counted)), requests(second.counted), time(({ third }) => third),
    time(({ again }) => again), kB(bytes(again.counted)),
  ];
}

/** Milliseconds until rows that were read are in the cache. */
const STAY = 3000;

/** The queries of a first visit, and the first one of the next. */
const visit = ({ server, visitor, open }, options) =>
  visitor(async (context) => {
    const begin = async () => {
      const page = await open(context, "query");
      await page.evaluate((asked) => globalThis.query.load(...asked), [ID, options]);
      return page;
    };
    const ask = async (page, name) => {
      server.reset();
      const answer = await page.evaluate((text) => globalThis.query.text(text), QUERIES[name]);
      return { ...answer, counted: server.counted() };
    };
    const page = await begin();
    const found = {};
    for (const name of Object.keys(QUERIES)) found[name] = await ask(page, name);
    await page.waitForTimeout(STAY);
    await page.close();
    const next = await begin();
    found.again = await ask(next, "first");
    await next.close();
    return found;
  });
