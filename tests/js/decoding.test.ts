import { describe, expect, it } from "vitest";
import { decodingOf, withDecoding } from "../../src/web/decoding.ts";
import type { WireDecoding, WirePhoto } from "../../src/web/protocol.ts";
import { MODEL, dispatcherWith, load, text } from "./fakes.ts";

const file: WirePhoto = { kind: "encoded", bytes: text("jpeg") };

describe("how a photo is decoded", () => {
  it("is checked, and says no more than what was asked for", () => {
    expect(decodingOf({})).toEqual({});
    expect(decodingOf({ decode: "fast", decoder: "rust" })).toEqual({ decode: "fast", decoder: "rust" });
    const wrong = (options: object) => () => decodingOf(options);
    expect(wrong({ decode: "quick" })).toThrow(/decode is one of exact, fast, not quick/);
    expect(wrong({ decoder: null })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("goes along with files, the call's wish before the model's", () => {
    const model: WireDecoding = { decode: "fast", decoder: "rust" };
    expect(withDecoding(file, model, { decode: "exact" })).toEqual({ ...file, decode: "exact", decoder: "rust" });
    const pixels: WirePhoto = { kind: "pixels", data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 };
    expect(withDecoding(pixels, model)).toBe(pixels);
  });
});

describe("the worker", () => {
  const embed = async (content: string, decoding: WireDecoding) => {
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load() });
    const argument: WirePhoto = { kind: "encoded", bytes: text(content), ...decoding };
    const answer = await all.call({ type: "embed", id: 2, argument });
    return { answer, seen: all.engine.model.seen };
  };

  it("tells Rust to be fast", async () => {
    expect((await embed("jpeg", { decode: "fast" })).seen).toMatchObject([{ kind: "encoded", decode: "fast" }]);
    expect((await embed("jpeg", {})).seen[0]).not.toHaveProperty("decode");
  });

  it("has the browser decode what it is asked to, though Rust could", async () => {
    const { answer, seen } = await embed("avif, say", { decoder: "browser" });
    expect(seen).toMatchObject([{ kind: "pixels" }]);
    expect(answer).toMatchObject({ type: "done", result: { decoder: "browser" } });
    const refused = await embed("jpeg", { decoder: "browser" });
    expect(refused.answer).toMatchObject({ type: "failed", error: { code: "unsupported-format" } });
  });

  it("leaves the browser alone where it is told so", async () => {
    const { answer } = await embed("avif, say", { decoder: "rust" });
    expect(answer).toMatchObject({ type: "failed", error: { code: "unsupported-format" } });
  });
});
