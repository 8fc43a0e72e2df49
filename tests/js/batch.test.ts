/** Photos of embedMany that the worker computes together. */

import { describe, expect, it } from "vitest";
import type { WirePhoto } from "../../web/shared/protocol.ts";
import { everyAborted } from "../../web/shared/waiting.ts";
import { MODEL, dispatcherWith, load } from "./fake_host.ts";
import { text } from "./fakes.ts";

const encoded = (content: string): WirePhoto => ({ kind: "encoded", bytes: text(content) });

/** A worker with a model of which four photos are worth a pass. */
async function loaded(host: Parameters<typeof dispatcherWith>[1] = {}) {
  const all = dispatcherWith(MODEL, host);
  const { model } = all.engine;
  model.batch = 4;
  expect(await all.call({ type: "load", id: 1, argument: load() })).toMatchObject({ result: { batch: 4 } });
  const many = (contents: string[]) => {
    contents.forEach((content, index) => all.dispatcher.handle({ type: "embedOneOfMany", id: 2 + index, argument: encoded(content) }));
    return Promise.all(contents.map((_, index) => all.settled(2 + index)));
  };
  return { ...all, model, many };
}

describe("a batch", () => {
  it("is of what waits, and each photo is answered with its own embedding and its share of the time", async () => {
    let clock = 0;
    const { model, many } = await loaded({ now: () => clock });
    model.onStep = () => void (clock += 8);
    const contents = ["A", "BB", "CCC", "DDDD", "EEEEE", "F"];
    const answers = await many(contents);
    expect(model.passes).toEqual([4, 2]);
    for (const [index, content] of contents.entries()) {
      expect(answers[index]).toMatchObject({ type: "done", result: { embedding: Float32Array.of(65 + index, content.length) } });
    }
    // Two layers and the last step, 24 ms a pass.
    expect(answers.map((one) => (one as { result: { timings: { forward: number } } }).result.timings.forward)).toEqual([6, 6, 6, 6, 12, 12]);
    expect(model.held).toBe(0);
  });

  it("is spoilt by no photo that can't be read", async () => {
    const { model, many } = await loaded();
    const answers = await many(["A", "broken", "C", "junk", "E"]);
    expect(answers.map((answer) => (answer.type === "failed" ? answer.error.code : answer.type))).toEqual([
      "done", "decode", "done", "unsupported-format", "done",
    ]);
    expect(model.passes).toEqual([3]);
    expect(model.held).toBe(0);
  });

  it("goes on without a photo that is canceled, and ends with the last one", async () => {
    let clock = 0;
    const { dispatcher, model, settled, posted } = await loaded({ now: () => clock });
    const take = (ids: number[]) => ids.forEach((id) => dispatcher.handle({ type: "cancel", id }));
    model.layers = 50;
    let canceled: number[] = [2, 4];
    model.onStep = () => {
      clock += 3; // milliseconds: the worker listens after two layers
      if (model.steps === 3) setTimeout(() => take(canceled));
    };
    for (let id = 2; id <= 5; id += 1) dispatcher.handle({ type: "embedOneOfMany", id, argument: encoded("x") });
    await Promise.all([settled(3), settled(5)]);
    expect(model.passes).toEqual([4]);
    expect(posted.filter((one) => "id" in one && canceled.includes(one.id!) && !["started", "canceled"].includes(one.type))).toEqual([]);
    expect(model.steps).toBe(51);

    model.steps = 0;
    canceled = [6, 7];
    for (const id of canceled) dispatcher.handle({ type: "embedOneOfMany", id, argument: encoded("x") });
    await expect.poll(() => model.steps).toBe(4);
    await expect.poll(() => model.held).toBe(0);
    dispatcher.handle({ type: "embedOneOfMany", id: 8, argument: encoded("x") });
    expect(await settled(8)).toMatchObject({ type: "done" });
    expect(model.steps).toBe(4 + 51);
  });

  it("leaves nothing in memory of a photo that is canceled while it waits", async () => {
    const { dispatcher, model, settled } = await loaded();
    model.onStep = () => void (model.steps === 1 && [3, 4].forEach((id) => setTimeout(() => dispatcher.handle({ type: "cancel", id }))));
    dispatcher.handle({ type: "embed", id: 2, argument: encoded("first") });
    for (const id of [3, 4, 5]) dispatcher.handle({ type: "embedOneOfMany", id, argument: encoded("x") });
    await Promise.all([settled(2), settled(5)]);
    expect(model.held).toBe(0);
  });

  it("takes no photos of other calls in", async () => {
    const { dispatcher, model, settled } = await loaded();
    for (let id = 2; id <= 5; id += 1) dispatcher.handle({ type: "embed", id, argument: encoded("x") });
    await Promise.all([2, 3, 4, 5].map(settled));
    expect(model.passes).toEqual([1, 1, 1, 1]);
  });
});

describe("a signal of several", () => {
  it("aborts with the last of them", () => {
    const controllers = [new AbortController(), new AbortController()];
    const signal = everyAborted(controllers.map((one) => one.signal));
    controllers[0]!.abort("first");
    expect(signal.aborted).toBe(false);
    controllers[1]!.abort("last");
    expect(signal.reason).toBe("last");
  });
});
