import { describe, expect, it } from "vitest";
import { LostCall } from "../../web/page/client.ts";
import { embedMany as embedManyWith, type EmbedManyOptions, type Embedder, type ManyResult, type PhotoSources } from "../../web/page/embed_many.ts";
import { ClipVisionError } from "../../web/shared/errors.ts";
import type { EmbeddingDetails } from "../../web/shared/protocol.ts";
import type { PhotoSource } from "../../web/page/photo.ts";

const detailsOf = (value: number): EmbeddingDetails => ({
  embedding: Float32Array.of(value),
  timings: { decode: 1, preprocess: 1, forward: 1 },
  model: "m",
  decoder: "rust",
  width: 1,
  height: 1,
});
const soon = (milliseconds = 1) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Embeds "7" as [7]; "bad" fails; later ones are done first. */
async function embed(photo: PhotoSource, { signal }: { signal: AbortSignal }): Promise<EmbeddingDetails> {
  await soon(Math.random() * 4);
  signal.throwIfAborted();
  if (photo === "bad") throw new ClipVisionError("decode", "bad");
  if (photo === "closed") throw new ClipVisionError("closed", "closed");
  return detailsOf(Number(photo));
}

const embedMany = (photos: PhotoSources, options: EmbedManyOptions, embedder: Embedder) =>
  embedManyWith(photos, options, () => ({ embedders: [embedder], batch: 1, close: () => undefined }));

async function collect(results: AsyncIterable<ManyResult>): Promise<(number | string)[]> {
  const all: (number | string)[] = [];
  for await (const { index, embedding, error } of results) {
    expect(index).toBe(all.length);
    all.push(error ? error.code : embedding[0]!);
  }
  return all;
}

describe("many photos", () => {
  const photos = ["0", "1", "bad", "3", "4", "5"];
  const expected = [0, 1, "decode", 3, 4, 5];

  it("are embedded in their order, from any source; one that fails spoils nothing", async () => {
    async function* stream() {
      yield* photos;
    }
    expect(await collect(embedMany(photos, {}, embed))).toEqual(expected);
    expect(await collect(embedMany(new Set(photos), {}, embed))).toEqual(expected);
    expect(await collect(embedMany(stream(), {}, embed))).toEqual(expected);
    expect(await collect(embedMany({ ...photos, length: 6 }, {}, embed))).toEqual(expected);
    expect(await collect(embedMany([], {}, embed))).toEqual([]);
  });

  it("are so many in flight that a worker can compute a batch while it reads the next", async () => {
    for (const [batch, expected] of [[1, 3], [4, 8]] as const) {
      let [flying, most] = [0, 0];
      const embedder: Embedder = async (photo, options) => {
        most = Math.max(most, (flying += 1));
        return embed(photo, options).finally(() => (flying -= 1));
      };
      const numbers = Array.from({ length: 40 }, (_, index) => String(index));
      const results = embedManyWith(numbers, {}, () => ({ embedders: [embedder], batch, close: () => undefined }));
      expect(await collect(results)).toEqual(numbers.map(Number));
      expect(most).toBe(expected);
    }
  });

  it("come with their item, whose photo is found in it", async () => {
    const items = [{ id: "a", file: "1" }, { id: "b", file: "bad" }, { id: "c", file: "" }, { id: "d", file: "4" }];
    const photo = async ({ file }: { file: string }) => {
      await soon();
      if (!file) throw new Error("no file");
      return file;
    };
    const workers = { embedders: [embed], batch: 1, close: () => undefined };
    const seen: unknown[] = [];
    for await (const result of embedManyWith(items, { photo, details: true }, () => workers)) {
      seen.push([result.item.id, result.error ? `${result.error.code}: ${result.error.message}` : result.details?.width]);
    }
    expect(seen).toEqual([["a", 1], ["b", "decode: bad"], ["c", "invalid-argument: The option photo failed: no file"], ["d", 1]]);
  });

  it("that can't be iterated start no worker", async () => {
    let started = 0;
    const startWorkers = () => ((started += 1), { embedders: [embed], batch: 1, close: () => undefined });
    await expect(collect(embedManyWith("abc" as never, { workers: 3 }, startWorkers))).rejects.toMatchObject({ code: "invalid-argument" });
    expect(started).toBe(0);
  });

  it("are answered while their source takes its time, even for the answer", async () => {
    let release!: () => void;
    const answered = new Promise<void>((resolve) => (release = resolve));
    async function* source() {
      yield "1";
      await answered; // by whoever reads the results
      yield "2";
    }
    const seen: number[] = [];
    for await (const { embedding } of embedMany(source(), {}, embed)) {
      seen.push(embedding![0]!);
      release();
    }
    expect(seen).toEqual([1, 2]);
  });

  it("whose source never goes on end with the loop", async () => {
    async function* source() {
      yield "1";
      await new Promise(() => undefined);
    }
    for await (const { embedding } of embedMany(source(), {}, embed)) {
      expect(embedding![0]).toBe(1);
      break;
    }
  });

  it("are a list, and nothing else", async () => {
    for (const given of [new Blob(["x"]), "cat.jpg", null, undefined, 7, new Uint8Array(2), {}]) {
      const work = collect(embedMany(given as never, {}, embed));
      await expect(work).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("embedMany takes a list of photos") });
    }
  });

  it("report how far they are", async () => {
    const seen: unknown[] = [];
    await collect(embedMany(photos.slice(1, 4), { onProgress: (progress) => seen.push(progress) }, embed));
    expect(seen).toEqual([
      { done: 1, failed: 0, total: 3 },
      { done: 2, failed: 1, total: 3 },
      { done: 3, failed: 1, total: 3 },
    ]);
  });

  it("are pulled only as fast as they are consumed, and no more after the loop is left", async () => {
    let pulled = 0;
    let ended = false;
    function* source() {
      try {
        for (;;) yield String(pulled++);
      } finally {
        ended = true;
      }
    }
    const signals: AbortSignal[] = [];
    const watched: typeof embed = (photo, options) => (signals.push(options.signal), embed(photo, options));
    let consumed = 0;
    for await (const _ of embedMany(source(), {}, watched)) {
      consumed += 1;
      await soon(5);
      expect(pulled - consumed).toBeLessThanOrEqual(3);
      if (consumed === 4) break;
    }
    expect(ended).toBe(true);
    expect(signals.at(-1)?.aborted).toBe(true);
  });

  it("end with an abort, even while the source is waited for", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    async function* source() {
      yield "1";
      await new Promise(() => undefined);
    }
    const work = collect(embedMany(source(), { signal: controller.signal }, embed));
    setTimeout(() => controller.abort(reason), 10);
    await expect(work).rejects.toBe(reason);
    await expect(collect(embedMany(photos, { signal: AbortSignal.abort(reason) }, embed))).rejects.toBe(reason);
  });

  it("end with close(), and with an error of the source", async () => {
    await expect(collect(embedMany(["1", "closed", "2"], {}, embed))).rejects.toMatchObject({ code: "closed" });
    const source = (function* () {
      yield "1";
      throw new TypeError("disk");
    })();
    await expect(collect(embedMany(source, {}, embed))).rejects.toThrow("disk");
  });
});

describe("a worker that crashes", () => {
  const lost = () => new LostCall("worker-crashed", "The worker stopped");

  it("costs the photo that caused it; those that were lost with it are tried again", async () => {
    const tries = new Map<unknown, number>();
    let bombs = 0;
    const embedder: Embedder = async (photo) => {
      tries.set(photo, (tries.get(photo) ?? 0) + 1);
      await soon();
      if (photo === "bomb") throw (bombs += 1, new ClipVisionError("out-of-memory", "no memory"));
      if (bombs === 0) throw lost();
      return detailsOf(Number(photo));
    };
    expect(await collect(embedMany(["0", "1", "bomb", "3"], {}, embedder))).toEqual([0, 1, "out-of-memory", 3]);
    expect([...tries]).toEqual([["0", 2], ["1", 2], ["bomb", 1], ["3", 1]]);
  });

  it("again and again does not keep the loop", async () => {
    let tries = 0;
    const embedder: Embedder = () => ((tries += 1), Promise.reject(lost()));
    expect(await collect(embedMany(["0"], {}, embedder))).toEqual(["worker-crashed"]);
    expect(tries).toBe(3);
  });

  it("with a photo that had moved to it costs that photo, by its own error", async () => {
    let given = 0;
    const embedder: Embedder = () => Promise.reject((given += 1) === 1 ? lost() : new ClipVisionError("invalid-argument", "detached"));
    expect(await collect(embedMany(["0"], { transfer: true }, embedder))).toEqual(["worker-crashed"]);
  });
});

describe("several workers", () => {
  it("share the photos as they come up, and end with the loop", async () => {
    const counts = [0, 0, 0];
    let closed = 0;
    const embedder =
      (which: number): Embedder =>
      async (photo) => {
        counts[which]! += 1;
        await soon();
        return detailsOf(Number(photo));
      };
    const embedders = [embedder(0)];
    const startWorkers = (workers: number) => {
      setTimeout(() => embedders.push(embedder(1), embedder(2)), 10);
      expect(workers).toBe(3);
      return { embedders, batch: 1, close: () => void (closed += 1) };
    };
    const photos = Array.from({ length: 120 }, (_, index) => String(index));
    expect(await collect(embedManyWith(photos, { workers: 3 }, startWorkers))).toEqual(photos.map(Number));
    expect(Math.min(...counts)).toBeGreaterThan(10);
    expect(closed).toBe(1);
  });

  it("are a whole number of them", async () => {
    for (const workers of [0, -1, 1.5, NaN, 1000]) {
      await expect(collect(embedMany([], { workers }, embed))).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });

  it("end when the model is closed, whoever works", async () => {
    const closing = new AbortController();
    const embedder: Embedder = (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    const workers = { embedders: [embedder], batch: 1, close: () => undefined };
    const work = collect(embedManyWith(["1", "2"], {}, () => workers, closing.signal));
    setTimeout(() => closing.abort(new ClipVisionError("closed", "closed")), 5);
    await expect(work).rejects.toMatchObject({ code: "closed" });
  });
});
