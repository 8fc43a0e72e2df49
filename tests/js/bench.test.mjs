// The benchmark's pure parts: numbers out of measurements, tables out of numbers, turns that forgive.

import { describe, expect, test } from "vitest";
import { cosine, median, quantile, summary, worst } from "../bench/lib/statistics.mjs";
import { markdown, megabytes, milliseconds, nearOne, ratio, spread, table } from "../bench/lib/table.mjs";
import { startAll, takeTurns } from "../bench/lib/turns.mjs";

describe("statistics", () => {
  test("quantiles lie between the values, whatever their order, and leave them as they are", () => {
    const values = [40, 10, 30, 20];
    expect([0, 0.25, 0.5, 1].map((share) => quantile(values, share))).toEqual([10, 17.5, 25, 40]);
    expect(summary([3, 1, 2])).toEqual({ low: 1.5, median: 2, high: 2.5 });
    expect([values, median([7]), median([])]).toEqual([[40, 10, 30, 20], 7, NaN]);
  });

  test("a cosine tells what differs, and what can't be compared", () => {
    expect(cosine([1, 2], [2, 4])).toBeCloseTo(1, 12);
    expect(cosine([1, 0], [0, 3])).toBe(0);
    expect([cosine([1], [1, 2]), cosine([NaN], [1])]).toEqual([NaN, NaN]);
    expect([worst([0.5, 0.25]), worst([0.5, NaN])]).toEqual([0.25, NaN]);
  });
});

describe("tables", () => {
  test("numbers have the digits that mean something", () => {
    expect([8.876, 34.56, 186.4, NaN].map(milliseconds)).toEqual(["8.88", "34.6", "186", "–"]);
    expect([1, 0.99999912, 0.9996, 0.95, NaN].map(nearOne)).toEqual(["1.00000000", "0.99999912", "0.999600", "0.9500", "–"]);
    expect([ratio(0.745), ratio(undefined / 3), megabytes(2_668_273), megabytes(351e6), megabytes(undefined)]).toEqual(["0.74", "–", "2.7", "351", "–"]);
    expect(spread({ median: 10, low: 9.5, high: 11 })).toBe("10.0 (9.50–11.0)");
  });

  test("rows become Markdown; what is not there is a dash, what was not run is said", () => {
    expect(table(["", "a|b"], [["x", 1], ["y", undefined]])).toBe("|  | a\\|b |\n|---|---:|\n| x | 1 |\n| y | – |");
    const text = markdown({ title: "T", columns: ["a"], rows: [["1"]], skipped: [{ name: "peer", reason: "no memory" }], notes: ["N."] });
    expect(text).toBe("### T\n\n| a |\n|---|\n| 1 |\n\n- skipped: peer: no memory\n\nN.");
  });
});

describe("turns", () => {
  const contender = (name) => ({ name, start: async () => name });

  test("go round, each round begins with another, and the warm-up does not count", async () => {
    const order = [];
    const started = await startAll([contender("a"), contender("b"), contender("c")]);
    const timed = await takeTurns(started, async (runner) => order.push(runner), { rounds: 3, warmUp: 1, pause: 0 });
    expect(order.join("")).toBe("abcbcacababc");
    expect(timed.map(({ name, values }) => [name, values])).toEqual([
      ["a", [6, 8, 10]],
      ["b", [4, 9, 11]],
      ["c", [5, 7, 12]],
    ]);
  });

  test("who does not start or fails later is out with a reason, and the others go on", async () => {
    const broken = { name: "broken", start: () => Promise.reject(new Error("no such file\n  at somewhere")) };
    const started = await startAll([broken, contender("falls"), contender("stays")]);
    const turn = async (runner) => {
      if (runner === "falls") throw new Error("page.evaluate: RangeError: out of memory");
      return 1;
    };
    const timed = await takeTurns(started, turn, { rounds: 2, warmUp: 0, pause: 0 });
    expect(timed.map(({ reason, values }) => [reason, values])).toEqual([
      ["no such file", []],
      ["RangeError: out of memory", []],
      [undefined, [1, 1]],
    ]);
  });
});
