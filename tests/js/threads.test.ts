import { describe, expect, it, vi } from "vitest";
import type { ThreadsFlavor } from "../../web/worker/flavor.ts";
import type { Response } from "../../web/shared/protocol.ts";
import { beThread, Helpers, PATIENCE } from "../../web/worker/threads.ts";

/** The smallest module there is. */
const MODULE = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
const MEMORY = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

type Asked = Extract<Response, { type: "thread" }>;

/** Starts two helpers and a spare one, whose page is `page`; `helping` is what the engine hears of it. */
function start(page: (asked: Asked, helpers: Helpers) => void) {
  const helping: number[] = [];
  const flavor = {
    name: "simd-threads",
    memory: MEMORY,
    glue: { setHelpers: (count: number) => helping.push(count) },
  } as unknown as ThreadsFlavor;
  const helpers: Helpers = new Helpers((message) => page(message as Asked, helpers));
  return { helping, started: helpers.start(flavor, MODULE, 2) };
}

/** A build whose threads return at once; `broken` can't be instantiated. */
function glue(broken = false) {
  const calls: unknown[] = [];
  return {
    calls,
    glueOf: () =>
      ({
        start: async (init: unknown) => {
          if (broken) throw new RangeError("no memory");
          calls.push(init);
        },
        helpThreads: () => calls.push("help"),
      }) as never,
  };
}

describe("threads", () => {
  it("get the module and the memory, and are as many as are to help", async () => {
    const { calls, glueOf } = glue();
    const { helping, started } = start(({ port }) => beThread(port, glueOf, () => expect.unreachable("it helps")));
    await started;
    expect(helping).toEqual([2]);
    const inits = calls.filter((call) => call !== "help") as { module: unknown; memory: WebAssembly.Memory }[];
    expect(inits).toHaveLength(3);
    for (const { module, memory } of inits) {
      expect(module).toBeInstanceOf(WebAssembly.Module);
      expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
    expect(calls.filter((call) => call === "help")).toHaveLength(3);
  });

  it("that fail are done without, and end: no worker, no memory for a stack, another build", async () => {
    const ended: string[] = [];
    const failing = [
      ({ ticket }: Asked, helpers: Helpers) => helpers.fail(ticket),
      ({ port }: Asked) => beThread(port, glue(true).glueOf, () => ended.push("no memory")),
      ({ port }: Asked) => beThread(port, () => undefined, () => ended.push("no build")),
    ];
    const { helping, started } = start((asked, helpers) => failing[asked.ticket - 1]!(asked, helpers));
    await started;
    expect(helping).toEqual([0]);
    expect(ended.sort()).toEqual(["no build", "no memory"]);
  });

  it("that the engine no longer waits for end", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { port1, port2 } = new MessageChannel();
      port1.close();
      let ended = 0;
      beThread(port2, glue().glueOf, () => (ended += 1));
      vi.advanceTimersByTime(PATIENCE);
      expect(ended).toBe(1);
      port2.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("that say nothing are not waited for", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { helping, started } = start(() => undefined);
      vi.advanceTimersByTime(PATIENCE);
      await started;
      expect(helping).toEqual([0]);
    } finally {
      vi.useRealTimers();
    }
  });
});
