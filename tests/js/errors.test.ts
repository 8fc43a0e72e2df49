import { describe, expect, it } from "vitest";
import { ClipVisionError, fromWireError, isCoded, toWireError } from "../../web/shared/errors.ts";
import { rustError } from "./fakes.ts";

const roundTrip = (thrown: unknown): Error => fromWireError(structuredClone(toWireError(thrown)));

describe("errors on their way between page and worker", () => {
  it("keep class, code, message, stack and the chain of causes", () => {
    const network = new TypeError("Failed to fetch");
    const error = new ClipVisionError("fetch", "no weights", { cause: new ClipVisionError("decode", "in between", { cause: network }) });
    const arrived = roundTrip(error);
    expect(arrived).toBeInstanceOf(ClipVisionError);
    expect(arrived).toMatchObject({ name: "ClipVisionError", code: "fetch", message: "no weights" });
    expect(arrived.stack).toBe(error.stack);
    const cause = arrived.cause as ClipVisionError;
    expect(cause).toMatchObject({ code: "decode", message: "in between" });
    expect(cause.cause).toMatchObject({ name: "TypeError", message: "Failed to fetch" });
    expect((cause.cause as Error).cause).toBeUndefined();
  });

  it("made by Rust become errors of the class", () => {
    const arrived = roundTrip(rustError("weights", "tensor x is missing"));
    expect(arrived).toBeInstanceOf(ClipVisionError);
    expect(arrived).toMatchObject({ code: "weights", message: "tensor x is missing" });
  });

  it("with a code that is not ours stay without, or count as a failed computation", () => {
    expect(isCoded(Object.assign(new Error("disk"), { code: "ENOENT" }))).toBe(false);
    expect(roundTrip(Object.assign(new Error("disk"), { code: "ENOENT" }))).not.toBeInstanceOf(ClipVisionError);
    expect(roundTrip(rustError("brand-new", "?"))).toMatchObject({ code: "compute" });
  });

  it.each([["text", "text"], [undefined, "undefined"], [null, "null"], [7, "7"], [Object.create(null), "an unprintable value"]])(
    "may be anything that is thrown: %s",
    (thrown, message) => expect(roundTrip(thrown).message).toBe(message),
  );

  it("may bite their own tail", () => {
    const error = new Error("round");
    error.cause = error;
    expect(roundTrip(error).message).toBe("round");
  });
});
