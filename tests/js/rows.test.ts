/** Rows of a table of tokens: read by ranges, a few at a time, once, and kept. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Engine } from "../../web/worker/engine.ts";
import { guarded } from "../../web/worker/engine.ts";
import { KeptRows } from "../../web/worker/kept_rows.ts";
import { rowReader } from "../../web/worker/rows.ts";
import type { Sink, Source } from "../../web/shared/sources.ts";
import { MODEL, dispatcherWith, load, type Served } from "./fake_host.ts";
import { FakeEngine, FakeModel } from "./fakes.ts";

const never = new AbortController().signal;
const engine = new FakeEngine() as unknown as Engine;

/** A file of 256 bytes, each its own place; it notes what is asked for at the same time. */
function server(fail?: (start: number) => void) {
  const seen = { asked: [] as string[], now: 0, most: 0 };
  const open = (): Source => ({
    name: "model.safetensors",
    read: async (sink: Sink, signal: AbortSignal) => {
      for (let range; (range = sink.wanted()); ) {
        seen.asked.push(range.join("-"));
        seen.most = Math.max(seen.most, (seen.now += 1));
        await new Promise((resolve) => setTimeout(resolve));
        seen.now -= 1;
        signal.throwIfAborted();
        fail?.(range[0]);
        if (range[0] >= 256) return;
        // More than was asked for, in two pieces.
        sink.take(range[0], Uint8Array.of(range[0]));
        sink.take(range[0] + 1, Uint8Array.from({ length: 9 }, (_, index) => range[0] + 1 + index));
      }
    },
  });
  return { seen, open };
}

describe("rows", () => {
  it("are read by ranges, each once, six at a time", async () => {
    const { seen, open } = server();
    const model = new FakeModel();
    const read = rowReader((work) => guarded(engine, work), model, open);
    expect(await Promise.all([read(Uint32Array.of(7, 3, 7), never), read(Uint32Array.of(3, 5), never)])).toEqual([2, 1]);
    expect(seen.asked).toEqual(["3-4", "7-8", "5-6"]);
    expect([...model.rows]).toEqual([[3, 3], [7, 7], [5, 5]]);
    expect(await read(Uint32Array.of(5), never)).toBe(0);
    expect(await read(Uint32Array.from({ length: 20 }, (_, id) => 100 + id), never)).toBe(20);
    expect(seen.most).toBe(6);
  });

  it("of a file that is cut short, and those that fail, are errors; the next text asks again", async () => {
    let broken = true;
    const { open } = server((start) => {
      if (broken && start === 9) throw new Error("broken");
    });
    const read = rowReader((work) => guarded(engine, work), new FakeModel(), open);
    await expect(read(Uint32Array.of(300), never)).rejects.toMatchObject({ code: "weights", message: expect.stringMatching(/cut short/) });
    await expect(read(Uint32Array.of(9, 10), never)).rejects.toThrow("broken");
    broken = false;
    expect(await read(Uint32Array.of(9), never)).toBe(1);
    await expect(read(Uint32Array.of(11), AbortSignal.abort("stop"))).rejects.toBe("stop");
  });
});

describe("kept rows", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are written once it is quiet, all together, and read again", async () => {
    const saved: Uint8Array[] = [];
    const kept = new KeptRows(async (bytes) => void saved.push(bytes));
    kept.add(2 ** 40, Uint8Array.of(1, 2));
    vi.advanceTimersByTime(900);
    kept.add(5, Uint8Array.of(3));
    vi.advanceTimersByTime(900);
    expect(saved).toHaveLength(0);
    vi.advanceTimersByTime(200);
    expect(saved).toHaveLength(1);
    const again = new KeptRows(async (bytes) => void saved.push(bytes));
    const bytes = saved[0]! as Uint8Array<ArrayBuffer>;
    expect(again.restore(bytes)).toEqual([[2 ** 40, Uint8Array.of(1, 2)], [5, Uint8Array.of(3)]]);
    again.add(6, Uint8Array.of(4));
    vi.advanceTimersByTime(1000);
    expect(saved[1]!.byteLength).toBe(saved[0]!.byteLength + 17);
    const cut = new KeptRows(async () => undefined).restore(bytes.slice(0, -1));
    expect(cut).toEqual([[2 ** 40, Uint8Array.of(1, 2)]]);
  });
});

describe("a table that could be left in its file", () => {
  const url = "https://models.test/m/model.safetensors";

  it.each([[false, "ranges"], [true, "whole"]] as const)("is read whole: ranges %s, asked for %s", async (ranges, table) => {
    const files: Record<string, Served> = { ...MODEL, "https://models.test/m/tokenizer.json": { body: "{}" } };
    const { call, engine } = dispatcherWith(files, {
      fetch: async (address) => {
        const body = files[address]?.body as string | undefined;
        if (body === undefined) return new Response("", { status: 404 });
        const part = { status: 206, headers: { "content-range": `bytes 0-${body.length - 1}/${body.length}` } };
        return new Response(body, ranges && address === url ? part : {});
      },
    });
    await call({ type: "load", id: 1, argument: { ...load(), table } });
    const answer = await call({ type: "embedText", id: 2, argument: "dog" });
    expect(answer).toMatchObject({ type: "done", result: { tokens: 3, tableBytes: 0 } });
    expect(engine.model.textLoaders.at(-1)!.over).toBeUndefined();
  });

  it("is left there where the server has ranges, and its rows are counted", async () => {
    const body = `${"w".repeat(199)}.`;
    const files = { ...MODEL, [url]: { body }, "https://models.test/m/tokenizer.json": { body: "{}" } };
    const asked: string[] = [];
    const { call, engine } = dispatcherWith(files, {
      fetch: async (address, init) => {
        const { body } = (files as Record<string, Served>)[address] ?? {};
        if (typeof body !== "string") return new Response("", { status: 404 });
        if (address !== url) return new Response(body);
        const range = new Headers(init.headers).get("range")!;
        const [start = 0, last = 0] = (/=(\d+)-(\d+)/.exec(range) ?? []).slice(1).map(Number);
        if (start > 0) asked.push(range);
        const end = Math.min(last + 1, body.length);
        return new Response(body.slice(start, end), { status: 206, headers: { "content-range": `bytes ${start}-${end - 1}/${body.length}` } });
      },
    });
    await call({ type: "load", id: 1, argument: { ...load(), table: "ranges" } });
    const answer = await call({ type: "embedText", id: 2, argument: "dog" });
    expect(answer).toMatchObject({ type: "done", result: { tokens: 3, tableBytes: 3 } });
    expect(engine.model.textLoaders.at(-1)!.over).toBe(0);
    expect(asked).toEqual(["bytes=100-100", "bytes=103-103", "bytes=111-111"]);
    expect(await call({ type: "embedText", id: 3, argument: "god" })).toMatchObject({ result: { tableBytes: 0 } });
    expect(await call({ type: "embedTexts", id: 4, argument: ["dogs"] })).toMatchObject({ type: "done" });
    expect(asked.at(-1)).toBe("bytes=115-115");
  });
});
