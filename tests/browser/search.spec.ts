/** Collections of embeddings in real Chromium: in a worker, under the strict policy, kept in the private file system. */

import { expect, open, test } from "./test.ts";

test("a collection is searched in a worker of its own, which close ends", async ({ page, server }) => {
  const asked = server.requests.length;
  const workers = page.workers().length;
  const answer = await page.evaluate(async () => {
    const { Embeddings, topK } = clipVision;
    const rows = Float32Array.from({ length: 1000 * 64 }, (_, i) => Math.sin(i * i));
    const photos = new Embeddings<number>();
    Object.assign(globalThis, { photos });
    await photos.addMany(Array.from({ length: 1000 }, (_, i) => i), rows);
    const query = rows.slice(64 * 500, 64 * 501);
    return { found: await photos.search(query, 3), on: topK(query, rows, 1), size: photos.size };
  });
  expect(answer.size).toBe(1000);
  expect(answer.found[0]).toMatchObject({ id: 500 });
  expect(answer.found[0]!.score).toBeCloseTo(1, 6);
  expect(answer.on[0]!.index).toBe(500);
  expect(page.workers().length).toBe(workers + 1);
  expect(server.requests.slice(asked)).toContain("/dist/search_worker.js");
  // The search module is inside the JavaScript: a collection fetches no wasm file.
  expect(server.requests.slice(asked).filter((path) => path.endsWith(".wasm"))).toEqual([]);

  const codes = await page.evaluate(async () => {
    const { photos } = globalThis as unknown as { photos: InstanceType<typeof clipVision.Embeddings<number>> };
    const pending = photos.search(new Float32Array(64).fill(1)).catch(({ code }) => code as string);
    photos.close();
    return [await pending, await photos.add(1, new Float32Array(64)).catch(({ code }) => code as string)];
  });
  expect(codes).toEqual(["closed", "closed"]);
  await expect.poll(() => page.workers().length).toBe(workers);
});

test("the private file system keeps it, over a reload of the page", async ({ page, server }) => {
  await page.evaluate(async () => {
    const photos = new clipVision.Embeddings({ precision: "int8" });
    const rows = Float32Array.from({ length: 500 * 32 }, (_, i) => Math.cos(i * i));
    await photos.addMany(Array.from({ length: 500 }, (_, i) => `photo-${i}`), rows);
    await photos.saveToOpfs("photos");
    await photos.remove("photo-0");
    await photos.saveToOpfs("photos");
    photos.close();
  });
  await open(page, server);
  const answer = await page.evaluate(async () => {
    const photos = await clipVision.Embeddings.loadFromOpfs("photos");
    const query = Float32Array.from({ length: 32 }, (_, i) => Math.cos((32 * 7 + i) ** 2));
    const [best] = await photos.search(query, 1);
    const missing = await clipVision.Embeddings.loadFromOpfs("nothing").catch(({ code, message }) => `${code}: ${message}`);
    const { size, precision } = photos;
    const bytes = (await photos.toBlob("npy")).size;
    photos.close();
    await (await navigator.storage.getDirectory()).removeEntry("photos");
    return { size, precision, best, missing, bytes };
  });
  expect(answer).toMatchObject({ size: 499, precision: "int8", best: { id: "photo-7" }, bytes: 128 + 499 * 32 * 4 });
  expect(answer.missing).toMatch(/^fetch: "nothing" can't be read from the private file system/);
});

test("it is loaded from an address, and what is not a collection is refused", async ({ page, server }) => {
  server.files.set("/made/page.clip-vision", "<!doctype html>");
  const answer = await page.evaluate(async () => {
    const { Embeddings } = clipVision;
    const failure = (source: string, options = {}) =>
      Embeddings.load(source, options).then(() => "loaded", ({ code, message }) => `${code}: ${message}`);
    const photos = await Embeddings.load("/golden/search/fixed.arrow");
    const stopped = new AbortController();
    const never = failure("/never/embeddings", { signal: stopped.signal });
    stopped.abort(Object.assign(new Error("enough"), { code: "stopped" }));
    return {
      ids: photos.ids(),
      missing: await failure("/golden/search/missing.npy"),
      page: await failure("/made/page.clip-vision"),
      worker: await failure("/golden/search/f4.npy", { worker: () => new Worker("/fixtures/missing.js", { type: "module" }) }),
      never: await never,
    };
  });
  expect(answer.ids).toEqual(["a", "ü/2", "", "four", "5"]);
  expect(answer.missing).toMatch(/^fetch: .*answered 404/);
  expect(answer.page).toMatch(/^unsupported-format: .*begins with 3c 21/);
  expect(answer.worker).toMatch(/^worker-crashed: .*its file is missing/);
  expect(answer.never).toBe("stopped: enough");
});

test("a page that forbids WebAssembly, or the worker, hears so", async ({ page, serve }) => {
  for (const [policy, code, message] of [
    ["script-src 'self'; worker-src 'self'", "unsupported-browser", /add 'wasm-unsafe-eval' to script-src/],
    ["script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'", "worker-crashed", /worker-src/],
  ] as const) {
    await open(page, await serve({ policy }));
    const answer = await page.evaluate(async () => {
      const photos = new clipVision.Embeddings();
      return photos.add("a", Float32Array.of(1, 2)).then(() => undefined, ({ code, message }) => ({ code, message }) as { code: string; message: string });
    });
    expect(answer).toMatchObject({ code, message: expect.stringMatching(message) });
  }
});

test("an error in its worker costs no embedding", async ({ page }) => {
  const said: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && said.push(message.text())));
  const workers = page.workers().length;
  const answer = await page.evaluate(async () => {
    const photos = new clipVision.Embeddings<string>({ worker: () => new Worker("/fixtures/failing_search_worker.js", { type: "module" }) });
    await photos.addMany(["a", "b"], Float32Array.of(1, 0, 0, 1));
    const found: string[][] = [];
    for (let round = 0; round < 3; round += 1) {
      const pending = [photos.search(Float32Array.of(1, 0)), photos.search(Float32Array.of(1, 0))];
      for (const matches of await Promise.all(pending)) found.push(matches.map(({ id }) => id));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await photos.add("c", Float32Array.of(1, 1));
    const blob = await photos.toBlob();
    photos.close();
    return { found, saved: (await clipVision.Embeddings.load<string>(blob)).ids() };
  });
  expect(answer).toEqual({ found: Array(6).fill(["a", "b"]), saved: ["a", "b", "c"] });
  expect(said).toEqual(Array(6).fill(expect.stringMatching(/worker, which goes on: .*thrown by a test/)));
  await expect.poll(() => page.workers().length).toBe(workers + 1);
});

test("8-bit rows find what f32 rows find: recall of the best ten in clusters, as photos are", async ({ page }) => {
  const recall = await page.evaluate(async () => {
    const { Embeddings } = clipVision;
    const [count, dimension, queries] = [10_000, 512, 100];
    let state = 1;
    const next = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) / 2 ** 23 - 1;
    const centers = Float32Array.from({ length: 100 * dimension }, next);
    const rows = Float32Array.from({ length: count * dimension }, (_, i) => {
      const center = Math.floor(i / dimension) % 100;
      return (centers[center * dimension + (i % dimension)] as number) + 0.7 * next();
    });
    const collections = [new Embeddings<number>(), new Embeddings<number>({ precision: "int8" })] as const;
    const ids = Array.from({ length: count }, (_, i) => i);
    await Promise.all(collections.map((one) => one.addMany(ids, rows)));
    let hits = 0;
    for (let i = 0; i < queries; i += 1) {
      const query = rows.slice(i * 97 * dimension, (i * 97 + 1) * dimension);
      const [exact, found] = await Promise.all(collections.map((one) => one.search(query, 10)));
      const best = new Set(exact!.map(({ id }) => id));
      hits += found!.filter(({ id }) => best.has(id)).length;
    }
    collections.forEach((one) => one.close());
    return hits / (10 * queries);
  });
  console.log(`recall@10 of int8 against f32, 10,000 × 512: ${recall}`);
  expect(recall).toBeGreaterThan(0.97);
});
