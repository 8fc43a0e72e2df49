import { describe, expect, it } from "vitest";
import { Client, LostCall } from "../../web/page/client.ts";
import { ClipVisionError, toWireError } from "../../web/shared/errors.ts";
import { VERSION, type CallRequest, type EmbeddingDetails, type Request, type WirePhoto } from "../../web/shared/protocol.ts";
import { FakeWorker, LOADED, load, text } from "./fakes.ts";

const photo = (content: string): WirePhoto => ({ kind: "encoded", bytes: text(content) });
const contentOf = (request: CallRequest): string =>
  (request.type === "embed" || request.type === "tensor") && request.argument.kind === "encoded"
    ? new TextDecoder().decode(request.argument.bytes)
    : "";
const details = (value: number): EmbeddingDetails => ({
  embedding: Float32Array.of(value),
  timings: { decode: 0, preprocess: 0, forward: 0 },
  decoder: "rust",
  width: 1,
  height: 1,
});

/** A client whose workers load at once and leave the rest to `script`. */
function clientWith(script: (request: CallRequest, worker: FakeWorker) => void = () => undefined, startTimeout?: number) {
  const workers: FakeWorker[] = [];
  const client = new Client({
    load: load(),
    ...(startTimeout !== undefined && { startTimeout }),
    createWorker: () => {
      const worker = new FakeWorker((message: Request) => {
        if (message.type === "load") {
          worker.send({ type: "hello", version: VERSION });
          worker.send({ type: "progress", id: message.id, progress: { stage: "weights", file: "w", loaded: 1 } });
          worker.send({ type: "done", id: message.id, result: LOADED });
        } else if (message.type === "embed" || message.type === "tensor") {
          script(message, worker);
        }
      });
      workers.push(worker);
      return worker;
    },
  });
  const embed = (content: string, signal?: AbortSignal) => client.call("embed", photo(content), [], { signal });
  return { client, workers, embed };
}

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable("it should have been rejected"),
    (error: unknown) => error,
  );

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
    expect(seen).toEqual([{ stage: "weights", file: "w", loaded: 1 }]);
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
      message: expect.stringMatching(/has not answered for 0\.02 s.*workerUrl.*startTimeout/),
    });
    expect(silent.terminated).toBe(true);
    const { client: lively, embed } = clientWith(({ id }, worker) => {
      setTimeout(() => worker.send({ type: "done", id, result: details(1) }), 60);
    }, 20);
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

describe("the application's fetch", () => {
  it("is called on the page; its answer goes to the worker", async () => {
    const worker = new FakeWorker((message, self) => {
      if (message.type === "load") self.send({ type: "fetch", id: 4, argument: { url: "https://m.test/config.json" } });
      if (message.type === "done") self.send({ type: "done", id: 1, result: LOADED });
      if (message.type === "embed") self.send({ type: "fetch", id: 5, argument: { url: "https://m.test/down" } });
      if (message.type === "failed") self.send({ type: "failed", id: 2, error: message.error });
    });
    const client = new Client({
      load: load({ fetchOnPage: true }),
      createWorker: () => worker,
      fetch: async (url) => {
        if (url.endsWith("down")) throw new TypeError("offline");
        return new Response("{}", { status: 201, headers: { etag: "x" } });
      },
    });
    await client.start();
    const fetched = worker.received.find(({ type }) => type === "done") as Extract<Request, { type: "done" }>;
    expect(fetched).toMatchObject({ id: 4, result: { status: 201 } });
    expect(fetched.result.headers).toContainEqual(["etag", "x"]);
    expect(await new Response(fetched.result.body).text()).toBe("{}");
    expect(await rejection(client.call("embed", photo("x"), []))).toMatchObject({ name: "TypeError", message: "offline" });
  });
});
