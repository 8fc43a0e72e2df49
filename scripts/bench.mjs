// npm run bench [-- SECTION…] [-- --rounds N] [--write]: measures clip-vision beside its peers, in turn in the same run, in
// Chromium and natively (`npm run bench -- list` names the sections; all of them take some fifteen minutes). The report
// of all sections' last results goes to target/bench/RESULTS.md, and with --write to docs/bench.md as well.
//
//     npm run bench -- setup b32 jpeg      only what sections need: builds, peers, models
//
// Nothing else should run meanwhile. tests/bench/sections/index.mjs says what a section is.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { report, keep } from "../tests/bench/lib/results.mjs";
import { markdown } from "../tests/bench/lib/table.mjs";
import { sections } from "../tests/bench/sections/index.mjs";
import { setUp } from "../tests/bench/setup/index.mjs";
import { versionsOf } from "../tests/bench/setup/versions.mjs";
import { Stop, inRoot, main, note, seconds, step, warn } from "./lib.mjs";

function choose(names) {
  const unknown = names.filter((name) => !sections.some((section) => section.name === name));
  if (unknown.length) throw new Stop(`No section is called ${unknown.join(" or ")}.`, "npm run bench -- list");
  return names.length ? sections.filter(({ name }) => names.includes(name)) : sections;
}

async function measure(section, ready, askedRounds) {
  const rounds = section.rounds && (askedRounds ?? section.rounds);
  step(`Section ${section.name}`, section.what);
  const begin = Date.now();
  const inBrowser = section.needs.some((need) => need === "package" || need === "browser");
  // Imported no earlier: it is the set-up that installs Playwright.
  const browser = inBrowser ? await (await import("../tests/bench/lib/tabs.mjs")).openBrowser(ready.chrome, section.flags) : undefined;
  try {
    const tables = await section.run({ ...ready, rounds, say: note, tab: (module, options) => browser.open(module, options) });
    keep(section.name, { tables, rounds, versions: versionsOf(section, browser) });
    for (const table of tables) console.log(`\n${markdown(table)}\n`);
    note(`${section.name} (${seconds(begin)})`);
  } finally {
    await browser?.close();
  }
}

await main(async () => {
  const options = { rounds: { type: "string" }, write: { type: "boolean" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals[0] === "list") {
    for (const { name, what } of sections) console.log(`${name.padEnd(12)} ${what}`);
    return;
  }
  const onlySetUp = positionals[0] === "setup";
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(rounds >= 1)) throw new Stop(`--rounds must be a number from 1, not ${values.rounds}.`);
  const chosen = choose(positionals.slice(onlySetUp ? 1 : 0));
  const ready = await setUp(
    new Set(chosen.flatMap(({ needs }) => needs)),
    new Set(chosen.flatMap(({ models = [] }) => models)),
  );
  if (onlySetUp) return;
  if (process.env.CLIP_VISION_QUICK) warn("CLIP_VISION_QUICK is set: these builds are not those that users get.");
  const failed = [];
  for (const section of chosen) {
    try {
      await measure(section, ready, rounds);
    } catch (error) {
      failed.push(section.name);
      warn(`${section.name}: ${error.stack ?? error}`);
    }
  }
  const text = report(sections);
  writeFileSync(inRoot("target", "bench", "RESULTS.md"), text);
  if (values.write) writeFileSync(inRoot("docs", "bench.md"), text);
  note(`${values.write ? "docs/bench.md" : "target/bench/RESULTS.md"} is written`);
  if (failed.length) throw new Stop(`These sections failed: ${failed.join(", ")}.`);
});
