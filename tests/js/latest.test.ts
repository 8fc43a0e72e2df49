import { describe, expect, it } from "vitest";
import { WaitingPlace } from "../../web/page/latest.ts";

/** Calls that wait until they are begun, and end when the test says so. */
function calls() {
  const place = new WaitingPlace();
  const begin: (() => void)[] = [];
  const end: ((value: number) => void)[] = [];
  const call = (signal?: AbortSignal) =>
    place
      .run(signal, (both, started) => {
        begin.push(started);
        return new Promise<number>((resolve, reject) => {
          end.push(resolve);
          both.addEventListener("abort", () => reject(both.reason as Error));
          if (both.aborted) reject(both.reason as Error);
        });
      })
      .catch((error: Error | string) => (typeof error === "string" ? error : error.name));
  return { call, begin, end };
}

describe("of the calls on one handle", () => {
  it("only the latest waits", async () => {
    const { call, end } = calls();
    const all = [call(), call(), call()];
    end[2]!(3);
    expect(await Promise.all(all)).toEqual(["AbortError", "AbortError", 3]);
  });

  it("the one that is being computed is answered", async () => {
    const { call, begin, end } = calls();
    const first = call();
    begin[0]!();
    const [second, third] = [call(), call()];
    end[0]!(1);
    end[2]!(3);
    expect(await Promise.all([first, second, third])).toEqual([1, "AbortError", 3]);
  });

  it("one that was canceled, or is done, stands in nobody's way; nor does another handle's", async () => {
    const { call, end } = calls();
    const elsewhere = calls();
    const controller = new AbortController();
    const taken = call(controller.signal);
    const other = elsewhere.call();
    controller.abort("enough");
    expect(await taken).toBe("enough");
    const next = call(new AbortController().signal);
    end[1]!(5);
    expect(await next).toBe(5);
    elsewhere.end[0]!(4);
    expect(await other).toBe(4);
    expect(await call(AbortSignal.abort("before"))).toBe("before");
  });
});
