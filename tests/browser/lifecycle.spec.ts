/** A page that stays alive while the worker works, aborts, crashes, closing: every promise settles. */

import { expected, maxDifference } from "./golden.ts";
import { heavyConfig, heavyWeights } from "./heavy_model.ts";
import { expect, test } from "./test.ts";

const MODEL = "/golden/models/odd-widths";
const golden = expected("odd-widths").embedding("rgb-photo.png")!;

test.beforeAll(({ server }) => {
  server.files.set("/made/heavy/config.json", heavyConfig);
  server.files.set("/made/heavy/model.safetensors", heavyWeights());
});

test("the page keeps its pace while a model loads and embeds", async ({ page }) => {
  const measured = await page.evaluate(async () => {
    const start = performance.now();
    const [gaps, tasks]: [number[], number[]] = [[], []];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
    let [last, frames] = [start, 0];
    const timer = setInterval(() => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }, 5);
    const frame = () => void ((frames += 1), requestAnimationFrame(frame));
    requestAnimationFrame(frame);
    const clip = await clipVision.ClipVision.load("/made/heavy/");
    let forward = Infinity;
    for (let round = 0; round < 5; round += 1) {
      const { timings } = await clip.embed("/golden/images/photo-640x427.jpg", { details: true });
      forward = Math.min(forward, timings.forward);
    }
    clearInterval(timer);
    clip.close();
    gaps.sort((a, b) => b - a);
    return { forward, gaps: gaps.slice(0, 5), ticks: gaps.length, frames, task: Math.max(0, ...tasks), took: performance.now() - start };
  });
  test.info().annotations.push({ type: "measured", description: JSON.stringify(measured) });
  const { forward, gaps, ticks, frames, task, took } = measured;
  expect(forward, "a forward pass has to be long enough to be noticed").toBeGreaterThan(100);
  // Five passes on the page's own thread would be five gaps and five tasks of that length. The machine may be busy with
  // other things as well: two gaps are forgiven, a task of the page's never.
  expect(gaps[2], `gaps between ticks, a forward pass being ${forward} ms`).toBeLessThan(forward / 2);
  expect(task, `the longest task of the page, a forward pass being ${forward} ms`).toBeLessThan(forward / 2);
  expect(ticks).toBeGreaterThan(took / 30);
  expect(frames).toBeGreaterThan(took / 100);
});

test("calls that overlap are answered each with its own", async ({ page }) => {
  const files = ["rgb-photo.png", "rgb.bmp", "still.gif", "rgb.tiff", "lossless.webp", "gray.png"];
  const embeddings = await page.evaluate(
    async ({ model, files }) => {
      const clip = await clipVision.ClipVision.load(model);
      // Some arrive late, some are not photos at all.
      const calls = files.flatMap((file, index) => [
        clip.embed(`${index % 2 ? "/slow" : ""}/golden/images/${file}`).then((embedding) => Array.from(embedding)),
        clip.embed("/golden/broken/not-an-image.jpg").catch(({ code }) => code as string),
      ]);
      const all = await Promise.all(calls);
      clip.close();
      return all;
    },
    { model: MODEL, files },
  );
  for (const [index, file] of files.entries()) {
    const python = expected("odd-widths").embedding(file)!;
    expect(maxDifference(embeddings[2 * index] as number[], python), file).toBeLessThanOrEqual(1e-4);
    expect(embeddings[2 * index + 1]).toBe("unsupported-format");
  }
});

test.describe("abort", () => {
  test("before the call does nothing", async ({ page, server }) => {
    const asked = server.requests.length;
    const reasons = await page.evaluate(async (model) => {
      const reason = { mine: true };
      const signal = AbortSignal.abort(reason);
      const load = await clipVision.ClipVision.load(model, { signal }).catch((error: unknown) => error === reason);
      const clip = await clipVision.ClipVision.load(model);
      const embed = await clip.embed("/golden/images/asked-for.png", { signal }).catch((error: unknown) => error === reason);
      clip.close();
      return [load, embed];
    }, MODEL);
    expect(reasons).toEqual([true, true]);
    expect(server.requests.slice(asked).filter((path) => /asked-for/.test(path))).toEqual([]);
    expect(server.requests.slice(asked).filter((path) => path.endsWith("/config.json"))).toHaveLength(1);
  });

  test("of a load ends its download at once", async ({ page, server }) => {
    const answer = await page.evaluate(async () => {
      const controller = new AbortController();
      const files = { config: "/made/heavy/config.json", weights: "/slow/made/heavy/model.safetensors" };
      const started = new Promise<void>((resolve) => {
        const onProgress = ({ stage, loaded }: { stage: string; loaded: number }) => void (stage === "weights" && loaded > 3000 && resolve());
        void clipVision.ClipVision.load(files, { signal: controller.signal, onProgress }).catch((error) => (failure = error));
      });
      let failure: unknown;
      await started;
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve)); // nothing that takes any time
      return (failure as DOMException | undefined)?.name;
    });
    expect(answer).toBe("AbortError");
    await expect.poll(() => server.abandoned).toContain("/slow/made/heavy/model.safetensors");
  });

  test("of a call that is being computed or queued, or whose photo is on its way", async ({ page, server }) => {
    const answer = await page.evaluate(async () => {
      const clip = await clipVision.ClipVision.load("/made/heavy/");
      const controller = new AbortController();
      const { signal } = controller;
      const outcomes: string[] = [];
      const photo = "/golden/images/rgb-photo.png";
      for (const url of [photo, photo, photo, photo, photo, "/never/photo.png"]) {
        clip.embed(url, { signal }).then(() => outcomes.push("done"), (error: DOMException) => outcomes.push(error.name));
      }
      await new Promise((resolve) => setTimeout(resolve, 60));
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve)); // nothing that takes any time
      const atOnce = [...outcomes];
      const start = performance.now();
      const { timings } = await clip.embed(photo, { details: true });
      const next = performance.now() - start;
      clip.close();
      return { atOnce, next, forward: timings.forward };
    });
    expect(answer.atOnce).toHaveLength(6);
    expect(answer.atOnce.filter((outcome) => outcome === "AbortError").length).toBeGreaterThanOrEqual(5);
    // One computation may have been running; had the queue been computed, this would be six.
    expect(answer.next).toBeLessThan(4.5 * answer.forward + 100);
    await expect.poll(() => server.abandoned).toContain("/never/photo.png");
  });
});

test("an error in the worker's script is a crash as well", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model, { worker: () => new Worker("/fixtures/failing_worker.js", { type: "module" }) });
    const failed = await clip.embed("/never/photo.png").catch(({ code, message }) => `${code}: ${message}`);
    const { length } = await clip.embed("/golden/images/rgb-photo.png");
    clip.close();
    return { failed, length };
  }, MODEL);
  expect(answer.failed).toMatch(/^worker-crashed: .*thrown by a test/);
  expect(answer.length).toBe(37);
});

test("a worker that is stuck is ended once a call is canceled: the next call starts another", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model, { worker: () => new Worker("/fixtures/stuck_worker.js", { type: "module" }), limits: { cancelTimeout: 300 } });
    const controller = new AbortController();
    const stuck = clip.embed("/never/photo.png", { signal: controller.signal }).catch(({ name }) => name as string);
    const lost = clip.embed("/golden/images/rgb-photo.png").catch(({ code, message }) => `${code}: ${message}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    controller.abort();
    const outcomes = [await stuck, await lost];
    const waited = performance.now() - start;
    const { length } = await clip.embed("/golden/images/rgb-photo.png");
    clip.close();
    return { outcomes, waited, length };
  }, MODEL);
  expect(answer.outcomes).toEqual(["AbortError", expect.stringMatching(/^worker-crashed: .*for 0\.3 s it did not listen/)]);
  expect(answer.waited).toBeGreaterThan(290);
  expect(answer.length).toBe(37);
});

test("a worker that computes for long is not taken for a stuck one: it listens between two layers", async ({ page }) => {
  const answer = await page.evaluate(async () => {
    const photo = "/golden/images/rgb-photo.png";
    const measured = await clipVision.ClipVision.load("/made/heavy/");
    const { forward } = (await measured.embed(photo, { details: true })).timings;
    measured.close();
    // Several layers; a fraction of what follows.
    const cancelTimeout = Math.max(50, forward);
    const clip = await clipVision.ClipVision.load("/made/heavy/", { limits: { cancelTimeout } });
    const kept = Promise.all(Array.from({ length: 5 }, () => clip.embed(photo).then(() => "done", ({ code }) => code as string)));
    const controller = new AbortController();
    const taken = clip.embed(photo, { signal: controller.signal }).catch(({ name }) => name as string);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const start = performance.now();
    controller.abort();
    const outcomes = [await taken, ...(await kept)];
    clip.close();
    return { outcomes, took: performance.now() - start, cancelTimeout };
  });
  test.info().annotations.push({ type: "measured", description: `${answer.took} ms, and ${answer.cancelTimeout} ms are allowed` });
  expect(answer.outcomes).toEqual(["AbortError", ...Array<string>(5).fill("done")]);
  expect(answer.took).toBeGreaterThan(2 * answer.cancelTimeout);
});

test("latest(): what waits gives way to what comes later, and what was begun is answered", async ({ page }) => {
  const outcomes = await page.evaluate(async () => {
    const clip = await clipVision.ClipVision.load("/made/heavy/");
    const settle = (work: Promise<unknown>) => work.then(() => "done", ({ name }) => name as string);
    const photo = "/golden/images/rgb-photo.png";
    const [handle, other] = [clip.latest(), clip.latest()];
    const latest = () => settle(handle.embed(photo));
    const atOnce = await Promise.all([latest(), latest(), latest(), settle(clip.embed(photo)), latest()]);
    const otherHandle = await Promise.all([settle(other.tensor(photo)), latest()]);
    // A slider is dragged, faster than the model computes, for as long as it takes to see two answers meanwhile.
    const calls: Promise<string>[] = [];
    let answered = 0;
    while (answered < 2 && calls.length < 2000) {
      const call = latest();
      calls.push(call);
      void call.then((outcome) => (answered += Number(outcome === "done")));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const dragged = await Promise.all(calls);
    clip.close();
    return { atOnce, otherHandle, answered, dragged };
  });
  expect(outcomes.atOnce).toEqual(["AbortError", "AbortError", "AbortError", "done", "done"]);
  expect(outcomes.otherHandle).toEqual(["done", "done"]);
  expect(outcomes.answered, "answers while the slider moves").toBeGreaterThanOrEqual(2);
  expect(outcomes.dragged.at(-1)).toBe("done");
  expect(new Set(outcomes.dragged)).toEqual(new Set(["done", "AbortError"]));
});

test("a worker that never says anything is given up", async ({ page }) => {
  const message = await page.evaluate(
    async (model) =>
      clipVision.ClipVision.load(model, { worker: () => new Worker("/fixtures/silent_worker.js", { type: "module" }), limits: { startTimeout: 200 } }).catch(
        ({ code, message }) => `${code}: ${message}`,
      ),
    MODEL,
  );
  expect(message).toMatch(/^worker-crashed: .*has not answered for 0\.2 s/);
});

test("close ends the worker", async ({ page }) => {
  const workers = page.workers().length;
  await page.evaluate(async (model) => {
    const clip = await clipVision.ClipVision.load(model);
    clip.embed("/never/photo.png").catch(() => undefined);
    clip.close();
  }, MODEL);
  await expect.poll(() => page.workers().length).toBe(workers);
});

test("a model of Blobs and bytes loads again after a crash; progress is told; info says what it is", async ({ page }) => {
  const answer = await page.evaluate(async (model) => {
    const read = async (file: string) => (await fetch(`${model}/${file}`)).arrayBuffer();
    const weights = await read("model.safetensors");
    const files = {
      config: new Uint8Array(await read("config.json")),
      preprocessor: new Blob([await read("preprocessor_config.json")]),
      weights,
    };
    const progress: { stage: string; loaded: number; total?: number }[] = [];
    const clip = await clipVision.ClipVision.load(files, {
      worker: () => new Worker("/fixtures/crashing_worker.js", { type: "module" }),
      onProgress: (one) => progress.push(one),
    });
    const crashed = await clip.embed(new TextEncoder().encode("PANIC")).catch(({ code }) => code as string);
    const embedding = await clip.embed("/golden/images/rgb-photo.png");
    clip.close();
    return { crashed, info: clip.info, embedding: Array.from(embedding), last: progress.at(-1), bytes: weights.byteLength };
  }, MODEL);
  expect(answer.crashed).toBe("decode");
  expect(maxDifference(answer.embedding, golden)).toBeLessThanOrEqual(1e-4);
  expect(answer.last).toEqual({ stage: "weights", file: "model.safetensors", loaded: answer.bytes, total: answer.bytes, overall: 1 });
  expect(answer.info).toEqual({
    model: "files",
    task: "photos",
    dimension: 37,
    imageSize: 30,
    scores: null,
    precision: "f32",
    device: "wasm",
    why: "no-adapter",
    simd: expect.stringMatching(/^(simd128|relaxed)$/), // by the builds that there are: flavors.spec.ts
    threads: 1,
    bytes: expect.any(Number),
    weights: "model.safetensors",
  });
  expect(answer.info.bytes).toBeGreaterThan(10_000);
});

test("the application's own fetch reads everything, and is aborted with the load", async ({ page, server }) => {
  const answer = await page.evaluate(async () => {
    const seen: string[] = [];
    let aborted = false;
    const options = {
      hub: { endpoint: "/hub", revision: "v1" },
      fetch: async (url: string, { signal }: { signal: AbortSignal }) => {
        seen.push(new URL(url).pathname);
        signal.addEventListener("abort", () => (aborted = true));
        return fetch(url.replace("/hub/clip/tiny/resolve/v1/", "/golden/models/odd-widths/"), { signal });
      },
    };
    const clip = await clipVision.ClipVision.load("clip/tiny", options);
    const embedding = await clip.embed("/golden/images/rgb-photo.png");
    const failed = await clip.embed("/golden/images/nothing.png").catch(({ code }) => code as string);
    const controller = new AbortController();
    const taken = clip.embed("/never/photo.png", { signal: controller.signal }).catch((error: Error) => error.name);
    while (!seen.includes("/never/photo.png")) await new Promise((resolve) => setTimeout(resolve));
    controller.abort();
    const name = await taken;
    while (!aborted) await new Promise((resolve) => setTimeout(resolve));
    clip.close();
    return { seen, embedding: Array.from(embedding), failed, name, model: clip.info.model };
  });
  expect(answer).toMatchObject({ failed: "fetch", name: "AbortError", model: "clip/tiny" });
  expect(answer.seen.sort()).toEqual(
    [
      "/hub/clip/tiny/resolve/v1/config.json",
      "/hub/clip/tiny/resolve/v1/preprocessor_config.json",
      "/hub/clip/tiny/resolve/v1/processor_config.json",
      "/hub/clip/tiny/resolve/v1/model.safetensors",
      "/golden/images/rgb-photo.png",
      "/golden/images/nothing.png",
      "/never/photo.png",
    ].sort(),
  );
  expect(maxDifference(answer.embedding, golden)).toBeLessThanOrEqual(1e-4);
  expect(server.requests).not.toContain("/hub/clip/tiny/resolve/v1/config.json");
});

test("normalize: false leaves the length as the model has it", async ({ page }) => {
  const lengths = await page.evaluate(async (model) => {
    const lengths = [];
    for (const normalize of [true, false]) {
      const clip = await clipVision.ClipVision.load(model, { normalize });
      lengths.push(Math.hypot(...(await clip.embed("/golden/images/rgb-photo.png"))));
      clip.close();
    }
    return lengths;
  }, MODEL);
  expect(lengths[0]).toBeCloseTo(1, 5);
  const projected = expected("odd-widths").values("stage/rgb-photo.png/projected")!;
  expect(lengths[1]! / Math.hypot(...projected)).toBeCloseTo(1, 4);
});
