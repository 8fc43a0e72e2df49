import { describe, expect, it, vi } from "vitest";
import { Client } from "../../web/page/client.ts";
import { ClipVisionError, toWireError } from "../../web/shared/errors.ts";
import type { CallRequest, Request } from "../../web/shared/protocol.ts";
import { load } from "./fake_host.ts";
import { clientWith, contentOf, details, FakeWorker, LOADED, photo, rejection } from "./fake_worker.ts";

const script = vi.hoisted(() => ({ isThere: true }));
vi.mock(import("../../web/page/on_demand.ts"), async (original) => {
  const { onDemand } = await original();
  return { onDemand: () => (script.isThere ? onDemand() : Promise.reject(new ClipVisionError("fetch", "later.js is not there"))) };
});

describe("calls", () => {
  it("load once, and are each answered with its own, in whichever order", async () => {
    const held: CallRequest[] = [];
    const { client, workers, embed } = clientWith((request, worker) => {
      held.push(request);
      if (held.length < 3) return;
      for (const { id, ...one } of [...held].reverse()) {
        worker.send({ type: "done", id, result: details(Number(contentOf({ id, ...one } as CallRequest))) });
      }
    });
    const seen: unknown[] = [];
    expect(await client.start(undefined, (progress) => seen.push(progress))).toEqual(LOADED);
    expect(seen).toEqual([{ stage: "weights", file: "w", loaded: 1, overall: 0 }]);
    const answers = await Promise.all(["1", "2", "3"].map((content) => embed(content)));
    expect(answers.map(({ embedding }) => embedding[0])).toEqual([1, 2, 3]);
    expect(workers).toHaveLength(1);
  });

  it("hear when they are begun", async () => {
    const { client } = clientWith(({ id }, worker) => {
      worker.send({ type: "started", id });
      worker.send({ type: "done", id, result: details(1) });
    });
    let started = 0;
    await client.call("embed", photo("x"), [], { onStarted: () => (started += 1) });
    expect(started).toBe(1);
  });

  it("that fail reject with the worker's error", async () => {
    const { embed } = clientWith(({ id }, worker) => {
      worker.send({ type: "failed", id, error: toWireError(new ClipVisionError("decode", "cut short")) });
    });
    const error = await rejection(embed("x"));
    expect(error).toBeInstanceOf(ClipVisionError);
    expect(error).toMatchObject({ code: "decode", message: "cut short" });
  });

  it("whose photo can't be cloned reject, and spoil nothing", async () => {
    const { client, embed } = clientWith(({ id }, worker) => worker.send({ type: "done", id, result: details(1) }));
    const uncloneable = { kind: "blob", blob: (() => undefined) as unknown as Blob } as const;
    expect(await rejection(client.call("embed", uncloneable, []))).toMatchObject({ code: "invalid-argument" });
    expect((await embed("x")).width).toBe(1);
  });
});

describe("abort", () => {
  it("before the call does nothing at all", async () => {
    const { client, workers, embed } = clientWith();
    const reason = new Error("not needed");
    expect(await rejection(embed("x", AbortSignal.abort(reason)))).toBe(reason);
    expect(await rejection(client.start(AbortSignal.abort(reason)))).toBe(reason);
    expect(workers).toHaveLength(0);
  });

  it("rejects at once with the signal's reason, tells the worker, and drops a late answer", async () => {
    const { workers, embed } = clientWith(({ id, ...rest }, worker) => {
      if (contentOf({ id, ...rest } as CallRequest) === "quick") worker.send({ type: "done", id, result: details(2) });
    });
    await embed("quick");
    const controller = new AbortController();
    const work = embed("slow", controller.signal);
    const [worker] = workers as [FakeWorker];
    await expect.poll(() => worker.received.length).toBe(3);
    controller.abort("enough");
    expect(await rejection(work)).toBe("enough");
    const sent = worker.received[2] as CallRequest;
    expect(worker.received.at(-1)).toEqual({ type: "cancel", id: sent.id });
    worker.send({ type: "done", id: sent.id, result: details(3) });
    expect((await embed("quick")).embedding[0]).toBe(2);
  });

  it("of a load ends the worker", async () => {
    const workers: FakeWorker[] = [];
    const client = new Client({
      load: load(),
      createWorker: () => (workers.push(new FakeWorker(() => undefined)), workers[0]!),
    });
    const controller = new AbortController();
    const work = client.start(controller.signal);
    controller.abort();
    expect(await rejection(work)).toMatchObject({ name: "AbortError" });
    expect(workers[0]!.terminated).toBe(true);
  });

  it("after the answer changes nothing", async () => {
    const { workers, embed } = clientWith(({ id }, worker) => worker.send({ type: "done", id, result: details(1) }));
    const controller = new AbortController();
    await embed("x", controller.signal);
    controller.abort();
    expect(workers[0]!.received.map(({ type }) => type)).toEqual(["load", "embed"]);
  });
});

describe("close", () => {
  it("ends the worker, rejects what is pending and whatever comes later", async () => {
    const { client, workers, embed } = clientWith();
    await client.start();
    const pending = rejection(embed("x"));
    const waiting = rejection(embed("y"));
    client.close();
    client.close();
    expect(await pending).toMatchObject({ code: "closed" });
    expect(await waiting).toMatchObject({ code: "closed" });
    expect(await rejection(embed("z"))).toMatchObject({ code: "closed" });
    expect(workers[0]!.terminated).toBe(true);
    expect(workers).toHaveLength(1);
  });

  it("rejects a call that waits for its worker's restart", async () => {
    const client = new Client({ load: load(), createWorker: () => new FakeWorker(() => undefined) });
    const work = rejection(client.call("embed", photo("x"), []));
    client.close();
    expect(await work).toMatchObject({ code: "closed" });
  });
});

describe("the application's fetch", () => {
  it("is called on the page; its answer goes to the worker", async () => {
    const worker = new FakeWorker((message, self) => {
      if (message.type === "load") self.send({ type: "fetch", id: 4, argument: { url: "https://m.test/config.json", purpose: "model" } });
      if (message.type === "done") self.send({ type: "done", id: 1, result: LOADED });
      if (message.type === "embed") self.send({ type: "fetch", id: 5, argument: { url: "https://m.test/down", purpose: "model" } });
      if (message.type === "failed") self.send({ type: "failed", id: 2, error: message.error });
    });
    const client = new Client({
      load: load({ fetchOnPage: true }),
      createWorker: () => worker,
      functions: {
        fetch: async (url) => {
          if (url.endsWith("down")) throw new TypeError("offline");
          return new Response("{}", { status: 201, headers: { etag: "x" } });
        },
      },
    });
    await client.start();
    const { id, result } = worker.received.find(({ type }) => type === "done") as Extract<Request, { type: "done" }>;
    expect({ id, result }).toMatchObject({ id: 4, result: { status: 201 } });
    if (!("body" in result)) throw new Error("there is no body");
    expect(result.headers).toContainEqual(["etag", "x"]);
    expect(await new Response(result.body).text()).toBe("{}");
    expect(await rejection(client.call("embed", photo("x"), []))).toMatchObject({ name: "TypeError", message: "offline" });
  });

  it("fails alone where the script that calls it can't be fetched, and works once it can", async () => {
    const worker = new FakeWorker((message, self) => {
      if (message.type === "load") self.send({ type: "done", id: 1, result: LOADED });
      if (message.type === "embed") self.send({ type: "fetch", id: 5, argument: { url: "https://p.test/photo", purpose: "photo" } });
      if (message.type === "failed") self.send({ type: "failed", id: 2, error: message.error });
      if (message.type === "done") self.send({ type: "done", id: 3, result: details(7) });
    });
    const client = new Client({ load: load(), createWorker: () => worker, functions: { fetch: async () => new Response("photo") } });
    await client.start();
    script.isThere = false;
    expect(await rejection(client.call("embed", photo("x"), []))).toMatchObject({ code: "fetch", message: "later.js is not there" });
    script.isThere = true;
    expect(await client.call("embed", photo("x"), [])).toEqual(details(7));
    expect(worker.terminated).toBe(false);
  });
});
