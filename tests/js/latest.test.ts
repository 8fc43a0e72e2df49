import { describe, expect, it } from "vitest";
import { LatestOnly } from "../../web/page/latest.ts";

/** Calls that wait until they are begun, and end when the test says so. */
function calls() {
  const latest = new LatestOnly();
  const begin: (() => void)[] = [];
  const end: ((value: number) => void)[] = [];
  const call = (kind = "embed", signal?: AbortSignal) =>
    latest
      .run(kind, signal, (both, started) => {
        begin.push(started);
        return new Promise<number>((resolve, reject) => {
          end.push(resolve);
          both.addEventListener("abort", () => reject(both.reason as Error));
          if (both.aborted) reject(both.reason as Error);
        });
      })
      .catch((error: { code?: string } | string) => (typeof error === "string" ? error : error.code));
  return { call, begin, end };
}

describe("of the calls of one kind", () => {
  it("only the latest waits", async () => {
    const { call, end } = calls();
    const all = [call(), call(), call()];
    end[2]!(3);
    expect(await Promise.all(all)).toEqual(["superseded", "superseded", 3]);
  });

  it("the one that is being computed is answered", async () => {
    const { call, begin, end } = calls();
    const first = call();
    begin[0]!();
    const [second, third] = [call(), call()];
    end[0]!(1);
    end[2]!(3);
    expect(await Promise.all([first, second, third])).toEqual([1, "superseded", 3]);
  });

  it("one that was canceled, or is done, stands in nobody's way; nor does another kind", async () => {
    const { call, end } = calls();
    const controller = new AbortController();
    const taken = call("embed", controller.signal);
    const other = call("tensor");
    controller.abort("enough");
    expect(await taken).toBe("enough");
    const next = call("embed", new AbortController().signal);
    end[2]!(5);
    expect(await next).toBe(5);
    end[1]!(4);
    expect(await other).toBe(4);
    expect(await call("embed", AbortSignal.abort("before"))).toBe("before");
  });
});
