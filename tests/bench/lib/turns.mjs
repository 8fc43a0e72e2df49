// Contenders take turns: A B C, B C A, … in one run, so that whatever the machine does meanwhile happens to all of them.

import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds that a call into a tab waits there, before it begins. */
export const SETTLE = 20;

/** The first line of what went wrong, without Playwright's part of it, short enough for a table. */
export const reasonOf = (error) =>
  String(error?.message ?? error)
    .split("\n")[0]
    .replace(/^page\.evaluate: (Error: )?/, "")
    .slice(0, 200);

/**
 * Starts contenders, `{ name, start }`, one after the other. `start` resolves to a runner, whatever that is; one that
 * fails leaves its reason: `{ name, runner }` or `{ name, reason }` each, with the contender's other properties.
 */
export async function startAll(contenders, report = () => {}) {
  const started = [];
  for (const { start, ...contender } of contenders) {
    try {
      started.push({ ...contender, runner: await start() });
      report(`${contender.name} is ready`);
    } catch (error) {
      started.push({ ...contender, reason: reasonOf(error) });
      report(`${contender.name} is skipped: ${reasonOf(error)}`);
    }
  }
  return started;
}

/**
 * Lets the runners of `started` take turns. `turn(runner)` resolves to one measurement. The first `warmUp` rounds don't
 * count. Before each turn there is a pause of milliseconds, for the threads of the one before may still be spinning. Who
 * fails is out, with the reason, and the others go on. Returns the contenders with `values`.
 */
export async function takeTurns(started, turn, { rounds, warmUp, pause = 30 }) {
  const contenders = started.map((contender) => ({ ...contender, values: [] }));
  for (let round = -warmUp; round < rounds; round += 1) {
    const first = (round + warmUp) % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      if (contender.reason) continue;
      await sleep(pause);
      try {
        const value = await turn(contender.runner);
        if (round >= 0) contender.values.push(value);
      } catch (error) {
        contender.reason = reasonOf(error);
      }
    }
  }
  return contenders;
}
