/** `cosineSimilarity`, `topK`, `quantize` and `Embeddings`, in Node, where a collection is computed in place. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ClipVisionError, Embeddings, cosineSimilarity, quantize, topK, type Matrix } from "clip-vision/search";
import { inPlace } from "clip-vision/search/in-place";

/** Values in -1..1 that are the same in every run. */
function values(seed: number, length: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

const row = (matrix: Float32Array, dimension: number, index: number): Float32Array =>
  matrix.subarray(index * dimension, (index + 1) * dimension);

const invalid = (message: RegExp) => expect.objectContaining({ name: "ClipVisionError", code: "invalid-argument", message: expect.stringMatching(message) });

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe("cosineSimilarity", () => {
  it("is that of the directions, whatever the lengths", () => {
    expect(cosineSimilarity([3, 4], [6, 8])).toBe(1);
    expect(cosineSimilarity(Float32Array.of(1, 0), [0, 2])).toBe(0);
    expect(cosineSimilarity([1, 1], [-2, -2])).toBe(-1);
    const [a, b] = [values(1, 512), values(2, 512)];
    const dot = a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
    expect(cosineSimilarity(a, b)).toBeCloseTo(dot / Math.hypot(...a) / Math.hypot(...b), 12);
    expect(cosineSimilarity(a, a)).toBeLessThanOrEqual(1);
  });

  it("refuses what has no direction", () => {
    expect(thrown(() => cosineSimilarity([1], [1, 2]))).toEqual(invalid(/of 1 and of 2/));
    for (const wrong of [[0, 0], [NaN, 1], [Infinity, 1]]) {
      expect(thrown(() => cosineSimilarity(wrong, [1, 1]))).toEqual(invalid(/no direction/));
    }
    expect(thrown(() => cosineSimilarity([], []))).toEqual(invalid(/empty/));
    expect(thrown(() => cosineSimilarity([1], Promise.resolve([1]) as never))).toEqual(invalid(/the second embedding is a promise: await it/));
    expect(thrown(() => cosineSimilarity(undefined as never, [1]))).toEqual(invalid(/the first embedding must be/));
  });
});

describe("topK", () => {
  it("finds what a full sort finds, for every k, with ties, over several blocks", () => {
    for (const dimension of [1, 3, 16, 37, 100]) {
      const [matrix, query] = [values(3, 601 * dimension), values(4, dimension)];
      if (dimension === 1) matrix.forEach((x, i) => (matrix[i] = Math.round(4 * x) + 0)); // ties
      const scores = Array.from({ length: 601 }, (_, i) => {
        // In the order of the module: sixteen sums, each rounded, added in halves.
        const sums = new Float32Array(16);
        row(matrix, dimension, i).forEach((x, j) => (sums[j % 16] = (sums[j % 16] as number) + Math.fround(x * (query[j] as number))));
        for (let half = 8; half >= 1; half /= 2) for (let j = 0; j < half; j += 1) sums[j]! += sums[j + half]!;
        return sums[0] as number;
      });
      const sorted = scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score || a.index - b.index);
      for (const k of [0, 1, 2, 10, 255, 256, 257, 600, 601, 602, 10_000]) {
        expect(topK(query, matrix, k)).toEqual(sorted.slice(0, k));
      }
    }
  });

  it("takes 8-bit rows with steps, or without, and a view that begins anywhere", () => {
    const dimension = 48;
    const [matrix, query] = [values(5, 500 * dimension), values(6, dimension)];
    const int8 = quantize(matrix, dimension);
    expect(int8.steps).toHaveLength(500);
    matrix.forEach((x, i) => {
      const step = int8.steps[Math.floor(i / dimension)] as number;
      expect(Math.abs(x - (int8.values[i] as number) * step)).toBeLessThanOrEqual(step * 0.5001);
    });
    const exact = topK(query, matrix, 20);
    const found = topK(query, int8, 20);
    expect(found.filter(({ index }) => exact.some((one) => one.index === index)).length).toBeGreaterThanOrEqual(18);
    for (const { index, score } of found) {
      const dot = row(matrix, dimension, index).reduce((sum, x, i) => sum + x * (query[i] as number), 0);
      expect(Math.abs(score - dot)).toBeLessThan(0.1);
    }
    const bare = topK(Float32Array.of(1, 0), Int8Array.of(127, 3, 64, 5), 2);
    expect(bare[0]!.score).toBeCloseTo(1, 6);
    expect(bare[1]!.score).toBeCloseTo(64 / 127, 6);
    const shifted = new Int8Array(int8.values.length + 1);
    shifted.set(int8.values, 1);
    expect(topK(query, { values: shifted.subarray(1), steps: int8.steps }, 20)).toEqual(found);
  });

  it("leaves out rows that hold a NaN, and has no rows for no rows", () => {
    expect(topK(Float32Array.of(1, 1), Float32Array.of(1, NaN, 2, 3, NaN, 0, 1, 1))).toEqual([
      { index: 1, score: 5 },
      { index: 3, score: 2 },
    ]);
    expect(topK(Float32Array.of(1), new Float32Array())).toEqual([]);
    expect(topK(Float32Array.of(1), Float32Array.of(1, 2), 0)).toEqual([]);
  });

  it("says what makes no sense", () => {
    const query = Float32Array.of(1, 2);
    const cases: [unknown, unknown, unknown, RegExp][] = [
      [new Float32Array(), query, 1, /the query is empty/],
      [Float32Array.of(1, NaN), query, 1, /Value 1 of the query is NaN/],
      [[1, "2"], query, 1, /Value 1 of the query must be a number, not String/],
      [Promise.resolve(query), query, 1, /the query is a promise: await it/],
      ["12", query, 1, /the query must be a Float32Array or an array of numbers, not String/],
      [query, Float32Array.of(1, 2, 3), 1, /3 values cannot be divided into rows of 2/],
      [query, { values: new Int8Array(4), steps: new Float32Array(3) }, 1, /3 steps for 2 rows/],
      [query, [1, null], 1, /Value 1 of the matrix must be a number, not Null/],
      [query, Promise.resolve(query), 1, /the matrix is a promise/],
      [query, undefined, 1, /not Undefined/],
      [query, query, -1, /k must be a whole number from 0, not -1/],
      [query, query, 1.5, /k must be a whole number from 0, not 1.5/],
    ];
    for (const [given, matrix, k, message] of cases) {
      expect(thrown(() => topK(given as Float32Array, matrix as Matrix, k as number))).toEqual(invalid(message));
    }
    expect(thrown(() => quantize(Float32Array.of(1, Infinity), 2))).toEqual(invalid(/Value 1 of row 0 is Infinity/));
    expect(thrown(() => quantize(Float32Array.of(1, 2, 3), 2))).toEqual(invalid(/divided into rows of 2/));
    expect(thrown(() => quantize([1, NaN], 2))).toEqual(invalid(/Value 1 of row 0 is NaN/));
    expect(thrown(() => quantize(Float32Array.of(1), 0))).toEqual(invalid(/dimension must be a whole number from 1, not 0/));
  });
});

const DIMENSION = 37;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `photo-${i}`);

/** Cosines by the definition, the best first. */
function ranked(matrix: Float32Array, ids: readonly string[], query: Float32Array): { id: string; score: number }[] {
  const all = ids.map((id, i) => ({ id, score: cosineSimilarity(row(matrix, DIMENSION, i), query) }));
  return all.sort((a, b) => b.score - a.score);
}

for (const precision of ["f32", "int8"] as const) {
  describe(`Embeddings in ${precision}`, () => {
    const tolerance = precision === "f32" ? 1e-6 : 0.01;

    it("searches by the cosine, whatever the embeddings' lengths", async () => {
      const matrix = values(7, 700 * DIMENSION);
      matrix.forEach((x, i) => (matrix[i] = x * (1 + (Math.floor(i / DIMENSION) % 5))));
      const photos = new Embeddings<string>({ precision });
      await photos.addMany(names(700), matrix);
      expect([photos.size, photos.dimension, photos.precision]).toEqual([700, DIMENSION, precision]);
      const query = values(8, DIMENSION).map((x) => 10 * x);
      const found = await photos.search(query, 25);
      const expected = ranked(matrix, names(700), query);
      found.forEach(({ id, score }) => {
        expect(Math.abs(score - expected.find((one) => one.id === id)!.score)).toBeLessThan(tolerance);
      });
      const best = new Set(expected.slice(0, 25).map(({ id }) => id));
      expect(found.filter(({ id }) => best.has(id)).length).toBeGreaterThanOrEqual(precision === "f32" ? 25 : 23);
      expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a));

      const near = await photos.search(query, 700, { threshold: expected[9]!.score - 1e-4 });
      if (precision === "f32") expect(near.map(({ id }) => id)).toEqual(expected.slice(0, 10).map(({ id }) => id));
      const odd = await photos.search(query, 700, { filter: (id) => Number(id.slice(6)) % 2 === 1 });
      expect(odd).toHaveLength(350);
      expect(odd.every(({ id }) => Number(id.slice(6)) % 2 === 1)).toBe(true);
      expect(await photos.search(query, 0)).toEqual([]);
      expect(await photos.search(query)).toHaveLength(10);
      photos.close();
    });

    it("replaces, removes and compacts without losing anyone", async () => {
      const count = 3000;
      const matrix = values(9, count * DIMENSION);
      const photos = new Embeddings<string>({ precision });
      await photos.addMany(names(count), matrix);
      // An embedding under an id that is there takes the place of the former.
      await photos.add("photo-7", row(matrix, DIMENSION, 8));
      expect(photos.size).toBe(count);
      const twins = await photos.search(row(matrix, DIMENSION, 8), 2);
      expect(twins.map(({ id }) => id)).toEqual(["photo-7", "photo-8"]);
      expect(Math.abs(twins[0]!.score - 1)).toBeLessThan(tolerance);

      // Searches that were asked for before a removal still name what was there.
      const before = photos.search(row(matrix, DIMENSION, 2999), 1);
      const gone = names(count).filter((_, i) => i % 7 !== 0 && i !== 8);
      const removed = photos.remove(...gone, "nobody");
      const after = photos.search(row(matrix, DIMENSION, 2999), 1);
      const late = photos.add("late", row(matrix, DIMENSION, 2999));
      expect((await before)[0]!.id).toBe("photo-2999");
      expect(await removed).toBe(gone.length);
      expect((await after)[0]!.id).not.toBe("photo-2999");
      await late;

      const left = [...names(count).filter((_, i) => i % 7 === 0 || i === 8), "late"];
      expect(photos.ids()).toEqual(left);
      for (const [id, index] of [["photo-0", 0], ["photo-8", 8], ["photo-1407", 1407], ["photo-2996", 2996], ["late", 2999]] as const) {
        const [found] = await photos.search(row(matrix, DIMENSION, index), 1, { filter: (one) => one === id });
        expect(found!.id).toBe(id);
        expect(Math.abs(found!.score - 1)).toBeLessThan(tolerance);
        expect(cosineSimilarity((await photos.get(id))!, row(matrix, DIMENSION, index))).toBeGreaterThan(1 - tolerance);
      }
      expect(await photos.get("photo-1")).toBeUndefined();
      const many = await photos.getMany(["late", "photo-7", "late"]);
      const single = await Promise.all(["late", "photo-7", "late"].map((id) => photos.get(id)));
      expect(many).toEqual(Float32Array.from(single.flatMap((one) => Array.from(one!))));
      expect((await photos.getMany()).slice(0, DIMENSION)).toEqual(await photos.get(photos.ids()[0]!));
      expect(await photos.getMany([])).toEqual(new Float32Array());
      await expect(photos.getMany(["late", "photo-1"])).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining('"photo-1"') });
      expect([photos.has("late"), photos.has("photo-1")]).toEqual([true, false]);
      expect(await photos.remove("photo-1")).toBe(0);
    });

    it("finds near duplicates, in every block and across them", async () => {
      const matrix = values(10, 600 * DIMENSION);
      const copies = [[3, 4], [5, 300], [255, 256], [511, 599], [300, 590]] as const;
      for (const [a, b] of copies) row(matrix, DIMENSION, b).set(row(matrix, DIMENSION, a).map((x) => 3 * x));
      const photos = new Embeddings<string>({ precision });
      await photos.addMany(names(600), matrix);
      await photos.remove("photo-599");
      const found = await photos.nearDuplicates({ threshold: 0.98 });
      expect(found.map(({ ids }) => ids)).toEqual([
        ["photo-5", "photo-300", "photo-590"],
        ["photo-3", "photo-4"],
        ["photo-255", "photo-256"],
      ]);
      found.forEach(({ similarity }) => expect(similarity).toBeCloseTo(1, 5));
      const controller = new AbortController();
      const stopped = photos.nearDuplicates({ threshold: -1, signal: controller.signal });
      controller.abort("enough");
      await expect(stopped).rejects.toBe("enough");
      expect(await photos.search(row(matrix, DIMENSION, 1), 1)).toMatchObject([{ id: "photo-1" }]);
      const [all, ...others] = await photos.nearDuplicates({ threshold: -1 });
      expect(all!.ids).toEqual(photos.ids());
      expect(others).toEqual([]);
      await photos.add("last", row(matrix, DIMENSION, 7)); // what was found lay behind the rows
      expect((await photos.search(row(matrix, DIMENSION, 7), 2)).map(({ id }) => id)).toEqual(["photo-7", "last"]);
    });

    it("groups what all pairs, one by one, say is connected", async () => {
      for (const [count, dimension, nominal] of [[1, 4, 0.9], [40, 3, 0.97], [300, 5, 0.95], [200, 2, 0.9999], [90, 70, 0.4]] as const) {
        const [matrix, noise] = [values(20 + count, count * dimension), values(21 + count, count * dimension)];
        for (let i = 1; i < count; i += 2) row(matrix, dimension, i).set(row(matrix, dimension, (i * 7) % i).map((x, j) => x + 0.2 * noise[i * dimension + j]!));
        const photos = new Embeddings<number>({ precision });
        await photos.addMany(Array.from({ length: count }, (_, i) => i), matrix);
        const kept = (await Promise.all(photos.ids().map((id) => photos.get(id)))) as Float32Array[];
        const pairs = kept.flatMap((a, i) => kept.slice(0, i).map((b, j) => ({ i, j, cosine: cosineSimilarity(a, b) })));
        const above = pairs.map(({ cosine }) => cosine).filter((cosine) => cosine >= nominal).sort((a, b) => a - b);
        // Between two cosines that rounding does not confuse.
        const gap = above.findIndex((cosine, i) => above[i + 1]! - cosine > 1e-5);
        const threshold = gap < 0 ? nominal : (above[gap]! + above[gap + 1]!) / 2;
        const label = kept.map((_, i) => i);
        for (const { i, j, cosine } of pairs) {
          const [from, to] = [label[i]!, label[j]!];
          if (cosine >= threshold) label.forEach((one, k) => one === from && (label[k] = to));
        }
        const groups = [...new Set(label)].map((one) => photos.ids().filter((id) => label[id] === one));
        const expected = groups.filter(({ length }) => length > 1).sort((a, b) => b.length - a.length || a[0]! - b[0]!);
        expect((await photos.nearDuplicates({ threshold })).map(({ ids }) => ids)).toEqual(expected);
        photos.close();
      }
    });

    it("searches behind rows that end anywhere", async () => {
      const matrix = values(11, 257 * DIMENSION);
      const photos = new Embeddings<string>({ precision });
      await photos.addMany(names(257), matrix);
      const again = await Embeddings.load<string>(await photos.toBlob());
      expect(await again.search(row(matrix, DIMENSION, 3), 1)).toMatchObject([{ id: "photo-3" }]);
      expect(await again.nearDuplicates()).toEqual([]);
    });
  });
}

describe("Embeddings", () => {
  it("says what makes no sense, and stays as it was", async () => {
    const photos = new Embeddings<string | number>();
    const rejected = (work: Promise<unknown>) => work.then(() => "nothing", (error: unknown) => error);
    expect(await rejected(photos.add("a", Float32Array.of(0, 0)))).toEqual(invalid(/Embedding 0 of those given has no length/));
    expect([photos.size, photos.dimension]).toEqual([0, 0]);
    await photos.add("a", Float32Array.of(1, 0, 0));
    const good = Float32Array.of(1, 2, 3);
    const cases: [() => Promise<unknown>, RegExp][] = [
      [() => photos.add("b", Float32Array.of(1, 2)), /The embedding has 2 values, and those of this collection have 3/],
      [() => photos.add("b", []), /The embedding is empty/],
      [() => photos.add("b", Promise.resolve(good) as never), /the embedding is a promise: await it/],
      [() => photos.add("b", [1, 2, "3"] as never), /Value 2 of the embedding must be a number, not String/],
      [() => photos.add("b", [1, NaN, 3]), /Embedding 0 of those given holds NaN at 1/],
      [() => photos.add("b", undefined as never), /the embedding must be a Float32Array or an array of numbers, not Undefined/],
      [() => photos.add("b", { embedding: good, model: 7 } as never), /The model of the embedding must be a text/],
      [() => photos.addMany(["b"], Promise.resolve([good]) as never), /The embeddings are a promise: await it/],
      [() => photos.addMany(["b", "c"], [good, Promise.resolve(good)] as never), /embedding 1 is a promise: await it/],
      [() => photos.addMany(["b"], 7 as never), /Embeddings must be a Float32Array or a list, not Number/],
      [() => photos.addMany(["b", "c"], [1, 2, 3]), /3 values cannot be divided into 2 embeddings of 3 values/],
      [() => photos.search(Promise.resolve(good) as never), /the query is a promise: await it/],
      [() => photos.search([1, NaN, 3]), /Value 1 of the query is NaN/],
      [() => photos.add("b", Float32Array.of(1, NaN, 2)), /Embedding 0 of those given holds NaN at 1/],
      [() => photos.add("b", Float32Array.of(1e30, 1, 2)), /has no length, or one that is out of range/],
      [() => photos.addMany(["b", "c"], [good, Float32Array.of(1)]), /Embedding 1 has 1 values, and embedding 0 has 3/],
      [() => photos.add(NaN, good), /Id 0 must be .*, not NaN/],
      [() => photos.add({} as never, good), /Id 0 must be .*, not Object/],
      [() => photos.search(Float32Array.of(1)), /A query of 1 values for embeddings of 3/],
      [() => photos.search(Float32Array.of(0, 0, 0)), /no direction/],
      [() => photos.search(good, -1), /k must be a whole number from 0, not -1/],
      [() => photos.search(good, 1, { threshold: NaN }), /threshold/],
      [() => photos.toBlob("csv" as never), /clip-vision, npy or arrow, not csv/],
      [() => photos.saveToOpfs("a/b"), /without slashes/],
    ];
    for (const [work, message] of cases) expect(await rejected(work())).toEqual(invalid(message));
    expect(photos.ids()).toEqual(["a"]);
    const huge = new Embeddings();
    expect(await rejected(huge.add("a", new Float32Array(8e6).fill(1)))).toMatchObject({ code: "out-of-memory" });
    await huge.add("a", good);
    expect([huge.size, huge.dimension]).toEqual([1, 3]);
    expect(await photos.search(good)).toHaveLength(1);
    expect(await rejected(photos.saveToOpfs("x"))).toMatchObject({ code: "unsupported-browser" });
    expect(thrown(() => new Embeddings({ precision: "f64" as never }))).toEqual(invalid(/precision must be f32 or int8, not f64/));
    expect(thrown(() => new Embeddings({ dimension: 1.5 }))).toEqual(invalid(/dimension/));
    expect(thrown(() => new Embeddings({ model: "" }))).toEqual(invalid(/The model must be a text of 1 to 1000 letters, not one of 0/));
  });

  it("tells how far a search for near duplicates is, and ends it between two blocks", async () => {
    const photos = new Embeddings<number>();
    expect(await photos.nearDuplicates()).toEqual([]);
    await photos.add(0, Float32Array.of(1, 0));
    expect(await photos.nearDuplicates()).toEqual([]);
    photos.close();

    // In place, and by a clock by which every step takes long: how fast this machine is makes no difference.
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 25));
    onTestFinished(() => void vi.restoreAllMocks());
    const many = new Embeddings<number>({ worker: inPlace });
    await many.addMany(Array.from({ length: 4_000 }, (_, i) => i), values(30, 4_000 * 64));
    await many.remove(5);
    const told: { done: number; total: number }[] = [];
    await many.nearDuplicates({ onProgress: (progress) => void told.push(progress) });
    expect(told.length).toBeGreaterThan(3);
    expect(told.at(-1)).toEqual({ done: (3_999 * 3_998) / 2, total: (3_999 * 3_998) / 2 });
    told.forEach(({ done }, i) => expect(done).toBeGreaterThanOrEqual(told[i - 1]?.done ?? 1));

    const controller = new AbortController();
    let after = 0;
    const stopped = many.nearDuplicates({
      signal: controller.signal,
      onProgress() {
        if (controller.signal.aborted) after += 1;
        controller.abort("enough");
      },
    });
    await expect(stopped).rejects.toBe("enough");
    expect(await many.search(Float32Array.from({ length: 64 }, () => 1), 1)).toHaveLength(1); // answers soon
    expect(after).toBe(0);
    for (const threshold of [NaN, 2, "0.9" as never]) await expect(many.nearDuplicates({ threshold })).rejects.toEqual(invalid(/a cosine, from -1 to 1/));
    many.close();
  });

  it.each(["f32", "int8"] as const)("finds the same near duplicates with two workers as with one, of %s", async (precision) => {
    const [count, dimension] = [10_500, 32];
    const [matrix, noise] = [values(31, count * dimension), values(32, count * dimension)];
    // Groups of three to five, far apart.
    for (let i = 0; i < count; i += 1) {
      const first = i - (i % 7);
      if (i % 7 > 0 && i % 7 < 3 + (first % 3)) row(matrix, dimension, i).set(row(matrix, dimension, first).map((x, j) => x + 0.1 * noise[i * dimension + j]!));
    }
    const groupsWith = async (hardwareConcurrency: number) => {
      vi.stubGlobal("navigator", { hardwareConcurrency });
      const photos = new Embeddings<number>({ precision });
      await photos.addMany(Array.from({ length: count }, (_, i) => i), matrix);
      await photos.remove(...Array.from({ length: 100 }, (_, i) => 100 * i));
      const progress: number[] = [];
      const groups = await photos.nearDuplicates({ threshold: 0.97, onProgress: ({ done, total }) => progress.push(done / total) });
      expect(progress.at(-1)).toBe(1);
      progress.forEach((share, i) => expect(share).toBeGreaterThanOrEqual(progress[i - 1] ?? 0));
      const stop = new AbortController();
      const stopped = photos.nearDuplicates({ signal: stop.signal, onProgress: () => stop.abort("enough") });
      await expect(stopped).rejects.toBe("enough");
      photos.close();
      return groups;
    };
    onTestFinished(() => void vi.unstubAllGlobals());
    const alone = await groupsWith(1);
    const together = await groupsWith(2);
    expect(alone.length).toBeGreaterThan(100);
    expect(together).toEqual(alone);
  }, 60_000);

  it("finds them alone where the second worker does not start, says nothing, or has other rows", async () => {
    onTestFinished(() => void vi.unstubAllGlobals());
    vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
    const count = 10_000;
    const matrix = values(33, count * 8);
    row(matrix, 8, 7).set(row(matrix, 8, 3));
    const beside = () => Object.assign(inPlace(), { diesOfErrors: true });
    const refused = () => {
      throw new Error("no second worker here");
    };
    const silent = () => ({ ...beside(), postMessage: () => undefined, terminate: () => undefined });
    for (const second of [refused, silent, beside]) {
      let started = 0;
      const photos = new Embeddings<string>({ worker: () => (started++ ? second() : beside()) });
      await photos.addMany(Array.from({ length: count }, (_, i) => `${i}`), matrix);
      // A row that is refused only once the search has begun.
      const bad = photos.add("bad", new Float32Array(8));
      const good = photos.add("good", row(matrix, 8, 3));
      const groups = photos.nearDuplicates({ threshold: 0.99999 });
      await expect(bad).rejects.toEqual(invalid(/./));
      await good;
      expect((await groups).find(({ ids }) => ids.includes("3"))?.ids.sort()).toEqual(["3", "7", "good"]);
      expect(started).toBeGreaterThan(1);
      photos.close();
    }
  }, 60_000);

  it("rejects everything once it is closed, and cancels a search", async () => {
    const photos = new Embeddings();
    await photos.add(1, Float32Array.of(1, 2));
    const controller = new AbortController();
    const taken = photos.search(Float32Array.of(1, 1), 1, { signal: controller.signal });
    controller.abort(new Error("no"));
    await expect(taken).rejects.toThrow("no");
    const pending = photos.search(Float32Array.of(1, 1));
    photos.close();
    await expect(pending).rejects.toMatchObject({ code: "closed" });
    await expect(photos.add(2, Float32Array.of(1, 2))).rejects.toBeInstanceOf(ClipVisionError);
    await expect(photos.toBlob()).rejects.toMatchObject({ code: "closed" });
  });

  it("takes plain arrays, and embeddings with what is known of them, wherever it takes an embedding", async () => {
    const photos = new Embeddings<string>();
    await photos.add("a", [1, 0]);
    await photos.add("b", { embedding: [0, 2] });
    await photos.addMany(["c", "d"], [1, 1, -1, 1]);
    await photos.addMany(["e", "f"], [[3, 4], { embedding: Float32Array.of(-3, 4) }]);
    await photos.addMany(["g"], new Set([Float32Array.of(-1, 0)]));
    expect(await Promise.all(photos.ids().map(async (id) => Array.from((await photos.get(id))!)))).toEqual([[1, 0], [0, 2], [1, 1], [-1, 1], [3, 4], [-3, 4], [-1, 0]]);
    expect((await photos.search([0, 1], 1)).map(({ id }) => id)).toEqual(["b"]);
    expect((await photos.search({ embedding: [1, 0] }, 1)).map(({ id }) => id)).toEqual(["a"]);
    expect(topK([1, 0], [0, 1, 1, 0], 1)).toEqual([{ index: 1, score: 1 }]);
    expect(quantize([127, 1], 2)).toEqual({ values: Int8Array.of(127, 1), steps: Float32Array.of(1) });
    photos.close();
  });

  it("knows its model, and refuses embeddings of another", async () => {
    const photos = new Embeddings<string>({ model: "ours/large" });
    expect(photos.model).toBe("ours/large");
    const another = invalid(/is of the model "theirs\/small", and this collection of "ours\/large"/);
    const theirs = { embedding: [1, 0], model: "theirs/small" };
    await expect(photos.add("a", theirs)).rejects.toEqual(another);
    expect([photos.size, photos.dimension]).toEqual([0, 0]);
    await photos.add("a", { embedding: [1, 0], model: "ours/large" });
    await photos.add("b", [0, 1]); // not said to be of any
    await expect(photos.addMany(["c", "d"], [[1, 2], theirs])).rejects.toEqual(another);
    await expect(photos.search(theirs)).rejects.toEqual(another);
    expect(await photos.search({ ...theirs, model: "ours/large" }, 1)).toMatchObject([{ id: "a" }]);

    for (const format of ["clip-vision", "arrow"] as const) {
      const blob = await photos.toBlob(format);
      const again = await Embeddings.load<string>(blob);
      expect([again.model, again.ids()]).toEqual(["ours/large", ["a", "b"]]);
      expect((await Embeddings.load(blob, { model: "ours/large" })).size).toBe(2);
      await expect(Embeddings.load(blob, { model: "theirs/small" })).rejects.toEqual(
        invalid(/The file is of the model "ours\/large", and this collection of "theirs\/small"/),
      );
      await again.remove("a", "b");
      const none = await Embeddings.load(await again.toBlob(format));
      expect([none.model, none.size]).toEqual(["ours/large", 0]);
    }
    // A file that does not say so is believed to be of the model that was expected.
    expect((await Embeddings.load(await photos.toBlob("npy"), { model: "ours/large" })).model).toBe("ours/large");

    const unsaid = new Embeddings<string>();
    await expect(unsaid.add("a", { embedding: [0, 0], model: "ours/large" })).rejects.toEqual(invalid(/no length/));
    expect(unsaid.model).toBeUndefined();
    await unsaid.add("a", theirs);
    expect(unsaid.model).toBe("theirs/small");
    await expect(unsaid.addMany(["b"], [{ embedding: [1, 0], model: "ours/large" }])).rejects.toEqual(invalid(/"ours\/large", and this collection of "theirs/));
  });

  it("keeps everyone else when an embedding that was on its way fails", async () => {
    const [bad, x, y] = [[0, 0], [1, 0], [0, 1]];
    const failed = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: "invalid-argument" });
    const found = async (photos: Embeddings<string>) => (await photos.search([2, 1])).map(({ id }) => id);

    // Its id was removed meanwhile.
    const photos = new Embeddings<string>();
    await photos.addMany(["first", "second"], [x, y]);
    await Promise.all([failed(photos.add("x", bad)), photos.remove("x")]);
    expect([photos.ids(), await found(photos)]).toEqual([["first", "second"], ["first", "second"]]);

    // Its id was added again, once with success; removed, and added again; and never with success.
    await Promise.all([failed(photos.add("a", bad)), photos.add("a", [1, 1])]);
    await Promise.all([photos.add("b", [1, 2]), failed(photos.add("b", bad))]);
    await Promise.all([failed(photos.add("c", bad)), photos.remove("c"), photos.add("c", [1, 4])]);
    await Promise.all([failed(photos.add("d", bad)), failed(photos.add("d", bad))]);
    await Promise.all([failed(photos.addMany(["e", "first"], [x, bad])), photos.addMany(["e", "e"], [x, [1, -3]])]);
    expect(photos.ids()).toEqual(["first", "second", "a", "b", "c", "e"]);
    expect(await found(photos)).toEqual(["a", "first", "b", "c", "second", "e"]);
    expect(await photos.get("e")).toEqual(Float32Array.of(1, -3));
    const [, none] = await Promise.all([failed(photos.add("f", bad)), photos.get("f")]);
    expect(none).toBeUndefined();
    photos.close();
  });

  it.each(["clip-vision", "npy", "arrow"] as const)("compacts and saves as %s while an embedding that fails is on its way", async (format) => {
    const [bad, x, y] = [[0, 0], [1, 0], [0, 1]];
    const failed = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: "invalid-argument" });
    for (const removed of [[], ["first"]]) {
      const photos = new Embeddings<string>();
      await photos.addMany(["first", "second"], [x, [1, 1]]);
      await photos.remove(...removed);
      const left = ["first", "second"].filter((id) => !removed.includes(id));
      const adding = [failed(photos.add("bad", bad)), photos.add("third", y), failed(photos.add("worse", bad))];
      const saved = photos.toBlob(format);
      adding.push(photos.add("fourth", [-1, 0]), failed(photos.add("fifth", bad)));
      await Promise.all(adding);
      const again = await Embeddings.load<string>(await saved, format === "npy" ? { ids: [...left, "third"] } : {});
      for (const [one, ids] of [[again, [...left, "third"]], [photos, [...left, "third", "fourth"]]] as const) {
        expect(one.ids()).toEqual(ids);
        expect((await one.search([0.1, 1])).map(({ id }) => id)).toEqual(["third", ...["second", "first", "fourth"].filter((id) => ids.includes(id))]);
        expect(await one.get("third")).toEqual(Float32Array.of(0, 1));
        one.close();
      }
    }
  });

  it("forgets the model and the dimension of what failed", async () => {
    const photos = new Embeddings<string>();
    const failed = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ code: "invalid-argument" });
    await Promise.all([failed(photos.add("a", [0, 0, 0])), failed(photos.add("b", { embedding: [0, 0, 0], model: "M" }))]);
    expect([photos.dimension, photos.model]).toEqual([0, undefined]);
    await photos.add("a", [1, 0]);
    await Promise.all([failed(photos.add("b", { embedding: [0, 0], model: "M" })), photos.add("c", [0, 1])]);
    expect([photos.dimension, photos.model]).toEqual([2, undefined]);
    await photos.add("d", { embedding: [1, 1], model: "N" });
    expect(photos.model).toBe("N");
    photos.close();
  });

  it("leaves the caller's arrays alone", async () => {
    const photos = new Embeddings();
    const embedding = Float32Array.of(3, 4);
    const added = photos.add("a", embedding);
    embedding.fill(9);
    await added;
    expect(await photos.get("a")).toEqual(Float32Array.of(3, 4));
    expect(embedding).toEqual(Float32Array.of(9, 9));
  });
});
