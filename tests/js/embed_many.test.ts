import { describe, expect, it } from "vitest";
import { embedMany, type ManyResult } from "../../src/web/embed_many.ts";
import { ClipVisionError } from "../../src/web/errors.ts";
import type { PhotoSource } from "../../src/web/photo.ts";

const soon = (milliseconds = 1) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Embeds "7" as [7]; "bad" fails; later ones are done first. */
async function embed(photo: PhotoSource, { signal }: { signal: AbortSignal }): Promise<Float32Array> {
  await soon(Math.random() * 4);
  signal.throwIfAborted();
  if (photo === "bad") throw new ClipVisionError("decode", "bad");
  if (photo === "closed") throw new ClipVisionError("closed", "closed");
  return Float32Array.of(Number(photo));
}

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
