/** Workers of a client that fail, and those that are its threads. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, LostCall } from "../../web/page/client.ts";
import { Watch } from "../../web/page/watch.ts";
import { ClipVisionError, toWireError } from "../../web/shared/errors.ts";
import { VERSION } from "../../web/shared/protocol.ts";
import { load } from "./fake_host.ts";
import { clientWith, contentOf, details, FakeWorker, LOADED, photo, rejection } from "./fake_worker.ts";

describe("a worker that dies", () => {
  const panic = toWireError(new ClipVisionError("out-of-memory", "no memory"));

  it("rejects what is pending, and the next call starts another with the same model", async () => {
    let crashes = 1;
    const { workers, embed } = clientWith((request, worker) => {
      if (contentOf(request) === "bomb" && crashes-- > 0) worker.send({ type: "crashed", id: request.id, error: panic });
      else if (contentOf(request) !== "wait") worker.send({ type: "done", id: request.id, result: details(5) });
    });
    await embed("x");
    const waiting = rejection(embed("wait"));
    expect(await rejection(embed("bomb"))).toMatchObject({ code: "out-of-memory", message: "no memory" });
    expect(await waiting).toMatchObject({
      code: "worker-crashed",
      message: expect.stringContaining("no memory"),
      cause: { code: "out-of-memory" },
    });
    expect(workers[0]!.terminated).toBe(true);
    expect((await Promise.all([embed("bomb"), embed("x")])).map(({ embedding }) => embedding[0])).toEqual([5, 5]);
    expect(workers).toHaveLength(2);
    expect(workers[1]!.received[0]).toEqual(workers[0]!.received[0]);
  });

  it.each<[string, (worker: FakeWorker) => void, RegExp]>([
    ["an uncaught error", (worker) => worker.onerror?.({ message: "boom" } as ErrorEvent), /boom/],
    ["a message that can't be read", (worker) => worker.onmessageerror?.({} as MessageEvent), /could not be read/],
  ])("through %s", async (_, kill, message) => {
    let dead = false;
    const { embed, workers } = clientWith((request, worker) => {
      if (dead) return worker.send({ type: "done", id: request.id, result: details(1) });
      dead = true;
      kill(worker);
    });
    const error = await rejection(embed("x"));
    expect(error).toMatchObject({ code: "worker-crashed", message: expect.stringMatching(message) });
    expect((await embed("x")).embedding[0]).toBe(1);
    expect(workers).toHaveLength(2);
  });

  it("before it ever lived says what may be wrong", async () => {
    const worker = new FakeWorker((_, self) => self.onerror?.({ message: "" } as ErrorEvent));
    const error = await rejection(new Client({ load: load(), createWorker: () => worker }).start());
    expect(error).toMatchObject({ code: "worker-crashed", message: expect.stringMatching(/could not be started.*worker-src/) });
    expect(worker.terminated).toBe(true);
  });

  it("at its construction rejects as well", async () => {
    const createWorker = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    expect(await rejection(new Client({ load: load(), createWorker }).start())).toMatchObject({
      code: "worker-crashed",
      cause: { name: "SecurityError" },
    });
  });

  it("of another release is not talked to", async () => {
    const worker = new FakeWorker((_, self) => self.send({ type: "hello", version: 0 }));
    const error = await rejection(new Client({ load: load(), createWorker: () => worker }).start());
    expect(error).toMatchObject({ code: "worker-crashed", message: expect.stringContaining("release") });
  });

  it("or never says anything is given up after a while", async () => {
    const silent = new FakeWorker(() => undefined);
    const client = new Client({ load: load(), createWorker: () => silent, startTimeout: 20 });
    expect(await rejection(client.start())).toMatchObject({
      code: "worker-crashed",
      message: expect.stringMatching(/has not answered for 0\.02 s.*option worker.*startTimeout/),
    });
    expect(silent.terminated).toBe(true);
    const { client: lively, embed } = clientWith(({ id }, worker) => {
      setTimeout(() => worker.send({ type: "done", id, result: details(1) }), 60);
    }, { startTimeout: 20 });
    await lively.start();
    expect((await embed("a long computation")).width).toBe(1);
    const patient = new Client({ load: load(), createWorker: () => new FakeWorker(() => undefined), startTimeout: Infinity });
    const work = rejection(patient.start());
    await new Promise((resolve) => setTimeout(resolve, 20));
    patient.close();
    expect(await work).toMatchObject({ code: "closed" });
  });

  it("takes along what can be tried again, and what caused it", async () => {
    const { embed } = clientWith((request, worker) => {
      if (contentOf(request) === "bomb") worker.send({ type: "crashed", id: request.id, error: panic });
    });
    const waiting = rejection(embed("wait"));
    expect(await rejection(embed("bomb"))).not.toBeInstanceOf(LostCall);
    expect(await waiting).toBeInstanceOf(LostCall);
  });

  it("and a model that does not load again reject the call; the one after tries again", async () => {
    let loads = 0;
    const client = new Client({
      load: load(),
      createWorker: () =>
        new FakeWorker((message, worker) => {
          if (message.type === "load") {
            loads += 1;
            if (loads === 2) {
              const error = toWireError(new ClipVisionError("fetch", "offline"));
              return worker.send({ type: "failed", id: message.id, error });
            }
            return worker.send({ type: "done", id: message.id, result: LOADED });
          }
          if (message.type !== "embed") return;
          if (loads === 1) worker.send({ type: "crashed", id: message.id, error: panic });
          else worker.send({ type: "done", id: message.id, result: details(1) });
        }),
    });
    await client.start();
    expect(await rejection(client.call("embed", photo("x"), []))).toMatchObject({ code: "out-of-memory" });
    expect(await rejection(client.call("embed", photo("x"), []))).toMatchObject({ code: "fetch" });
    expect((await client.call("embed", photo("x"), [])).embedding[0]).toBe(1);
    expect(loads).toBe(3);
  });
});

describe("a worker that is stuck", () => {
  /** A client whose workers loop at `"loop"` and answer everything else. */
  const looping = (cancelTimeout?: number) =>
    clientWith(
      (request, worker) => {
        if (contentOf(request) === "loop") worker.stuck = true;
        else if (contentOf(request) !== "wait") worker.send({ type: "done", id: request.id, result: details(5) });
      },
      cancelTimeout === undefined ? {} : { cancelTimeout },
    );

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is ended some time after a call is canceled; what else is pending is lost, and the next call starts another", async () => {
    const { workers, embed } = looping();
    await embed("x");
    const waiting = rejection(embed("wait"));
    const controller = new AbortController();
    const loop = rejection(embed("loop", controller.signal));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(workers[0]!.terminated).toBe(false); // nobody has given up: it may compute
    controller.abort("enough");
    expect(await loop).toBe("enough");
    await vi.advanceTimersByTimeAsync(9_900);
    expect(workers[0]!.terminated).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(workers[0]!.terminated).toBe(true);
    const error = await waiting;
    expect(error).toBeInstanceOf(LostCall);
    expect(error).toMatchObject({ code: "worker-crashed", message: expect.stringMatching(/canceled.*10 s.*cancelTimeout/) });
    expect((await embed("x")).embedding[0]).toBe(5);
    expect(workers).toHaveLength(2);
  });

  it("is not one that listens, late though it may be, or says anything else", async () => {
    const { workers, embed } = looping(1000);
    await embed("x");
    const [worker] = workers as [FakeWorker];
    const cancel = async (content: string) => {
      const controller = new AbortController();
      const work = rejection(embed(content, controller.signal));
      await vi.advanceTimersByTimeAsync(1);
      controller.abort("enough");
      expect(await work).toBe("enough");
      return (worker.received.at(-1) as { id: number }).id;
    };
    await cancel("wait");
    await vi.advanceTimersByTimeAsync(5000);
    const first = await cancel("loop");
    await vi.advanceTimersByTimeAsync(900);
    const second = await cancel("wait");
    worker.send({ type: "canceled", id: first });
    await vi.advanceTimersByTimeAsync(900);
    worker.send({ type: "started", id: 99 });
    await vi.advanceTimersByTimeAsync(900);
    expect(worker.terminated).toBe(false);
    worker.send({ type: "canceled", id: second });
    await vi.advanceTimersByTimeAsync(5000);
    expect(worker.terminated).toBe(false);
    await cancel("wait");
    await vi.advanceTimersByTimeAsync(1100);
    expect(worker.terminated).toBe(true);
  });

  it("is not one whose page slept: a timer that comes late, after however long, comes once", () => {
    let ring = (): void => undefined;
    const start = (step: () => void): number => {
      ring = step;
      return 1;
    };
    vi.stubGlobal("setInterval", start);
    vi.stubGlobal("setTimeout", start);
    const silent = vi.fn();
    new Watch(1000, silent).expect(1);
    vi.unstubAllGlobals();
    vi.setSystemTime(Date.now() + 3_600_000);
    ring();
    expect(silent).not.toHaveBeenCalled();
    for (let more = 0; more < 4; more += 1) ring();
    expect(silent).toHaveBeenCalledOnce();
  });

  it("has all the time of the world where the application says so", async () => {
    const { client, workers, embed } = looping(Infinity);
    await embed("x");
    const controller = new AbortController();
    const work = rejection(embed("loop", controller.signal));
    await vi.advanceTimersByTimeAsync(1);
    controller.abort("enough");
    await work;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(workers[0]!.terminated).toBe(false);
    client.close();
    expect(workers[0]!.terminated).toBe(true);
  });

  it("while it loads the model again is ended as well, but not before its script runs", async () => {
    const workers: FakeWorker[] = [];
    const client = new Client({
      load: load(),
      cancelTimeout: 1000,
      createWorker: () => {
        const worker = new FakeWorker((message) => void (message.type === "load" && (worker.stuck = true)));
        workers.push(worker);
        return worker;
      },
    });
    const give = async () => {
      const controller = new AbortController();
      const work = rejection(client.call("embed", photo("x"), [], { signal: controller.signal }));
      await vi.advanceTimersByTimeAsync(1);
      controller.abort("enough");
      expect(await work).toBe("enough");
      await vi.advanceTimersByTimeAsync(2000);
    };
    await give();
    expect(workers[0]!.terminated).toBe(false);
    workers[0]!.send({ type: "hello", version: VERSION });
    await give();
    expect(workers[0]!.terminated).toBe(true);
    expect(workers).toHaveLength(1);
  });
});

describe("threads", () => {
  /** A client whose first worker asks for a thread; `others` makes the workers that become threads. */
  function clientWithThread(others: () => FakeWorker) {
    const port = new MessageChannel().port2;
    const failed: number[] = [];
    const worker = new FakeWorker((message) => {
      if (message.type === "load") {
        worker.send({ type: "thread", ticket: 7, port }, [port]);
        worker.send({ type: "done", id: message.id, result: LOADED });
      }
      if (message.type === "thread-failed") failed.push(message.ticket);
    });
    let started = 0;
    const client = new Client({ load: load(), createWorker: () => ((started += 1) === 1 ? worker : others()) });
    return { client, worker, failed };
  }

  it("are workers that are given the port, and end with the worker", async () => {
    const thread = new FakeWorker(() => undefined);
    const { client, worker, failed } = clientWithThread(() => thread);
    await client.start();
    expect(thread.received).toMatchObject([{ type: "help", port: expect.any(MessagePort) }]);
    expect(failed).toEqual([]);
    client.close();
    expect([worker.terminated, thread.terminated]).toEqual([true, true]);
  });

  it("that can't be started are done without", async () => {
    const thread = new FakeWorker(() => undefined);
    const late = clientWithThread(() => thread);
    await late.client.start();
    thread.onerror!({ message: "no script" } as ErrorEvent);
    const other = new FakeWorker(() => undefined);
    const older = clientWithThread(() => other);
    await older.client.start();
    other.send({ type: "hello", version: VERSION - 1 });
    const none = clientWithThread(() => {
      throw new Error("no workers any more");
    });
    await none.client.start();
    await new Promise((resolve) => setTimeout(resolve));
    expect([late.failed, older.failed, none.failed]).toEqual([[7], [7], [7]]);
    expect([thread.terminated, other.terminated]).toEqual([true, true]);
    for (const { client } of [late, older, none]) client.close();
  });

  it.each(["crashed", "onerror", "failed"])("end with a worker that ends: %s", async (how) => {
    const thread = new FakeWorker(() => undefined);
    const { client, worker } = clientWithThread(() => thread);
    if (how === "failed") {
      worker.script = ({ type }) => {
        if (type !== "load") return;
        const { port2: port } = new MessageChannel();
        worker.send({ type: "thread", ticket: 1, port }, [port]);
        worker.send({ type: "failed", id: 1, error: toWireError(new ClipVisionError("fetch", "offline")) });
      };
      await rejection(client.start());
    } else {
      await client.start();
      if (how === "onerror") worker.onerror!({ message: "thrown" } as ErrorEvent);
      else worker.send({ type: "crashed", error: toWireError(new Error("trap")) });
    }
    expect([worker.terminated, thread.terminated]).toEqual([true, true]);
    client.close();
  });
});
