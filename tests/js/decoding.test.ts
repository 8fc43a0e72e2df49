import { describe, expect, it } from "vitest";
import { decodingOf, withDecoding } from "../../web/page/decoding.ts";
import { decodersOf } from "../../web/page/rare_options.ts";
import { mediaTypesOf } from "../../web/worker/media_type.ts";
import type { EmbeddingDetails, WireDecoding, WirePhoto } from "../../web/shared/protocol.ts";
import { MODEL, dispatcherWith, load } from "./fake_host.ts";
import { rustError, text } from "./fakes.ts";

const file: WirePhoto = { kind: "encoded", bytes: text("jpeg") };

describe("how a photo is decoded", () => {
  it("is checked, and says no more than what was asked for", () => {
    expect(decodingOf({})).toEqual({});
    expect(decodingOf({ decode: "fast", decoder: "rust" })).toEqual({ decode: "fast", decoder: "rust" });
    const wrong = (options: object) => () => decodingOf(options);
    expect(wrong({ decode: "quick" })).toThrow(/decode must be one of exact, fast, not quick/);
    expect(wrong({ decoder: null })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("goes along with files, the call's wish before the model's", () => {
    const model: WireDecoding = { decode: "fast", decoder: "rust" };
    expect(withDecoding(file, model, { decode: "exact" })).toEqual({ ...file, decode: "exact", decoder: "rust" });
    const pixels: WirePhoto = { kind: "pixels", data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 };
    expect(withDecoding(pixels, model)).toEqual(pixels);
  });
});

describe("the application's decoders", () => {
  it("are functions by media types", () => {
    const decoder = async () => ({ data: new Uint8Array(4), width: 1, height: 1 });
    expect(decodersOf({ "image/HEIC": decoder })).toEqual({ "image/heic": decoder });
    expect(decodersOf(undefined)).toEqual({});
    expect(() => decodersOf({ heic: decoder })).toThrow(/media types like "image\/heic", not "heic"/);
    expect(() => decodersOf({ "image/heic": "libheif" as never })).toThrow(/must be a function, not String/);
  });
});

describe("media types", () => {
  it.each([
    ["\0\0\0\x18ftypheic\0\0\0\0mif1heic", "", ["image/heic", "image/heif"]],
    ["\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "", ["image/avif"]],
    ["\0\0\0\0ftypheix\0\0\0\0", "", ["image/heic", "image/heif"]],
    ["II*\0", "image/x-adobe-dng", ["image/x-adobe-dng", "image/tiff"]],
    ["II*\0", "", ["image/tiff"]],
    ["\0\0\0\x14ftypisom\0\0\0\0", "video/mp4", ["video/mp4"]],
    ["RIFF\x10\0\0\0WEBPVP8 ", "image/png", ["image/webp"]],
    ["<svg>", "image/svg+XML", ["image/svg+xml"]],
    ["", "", [""]],
  ])("of %j", (start, given, types) => {
    expect(mediaTypesOf(Uint8Array.from([...start], (letter) => letter.charCodeAt(0)), given)).toEqual(types);
  });
});

describe("what is transparent", () => {
  const over = { background: [255, 128, 0] as const };

  it("is composited over a color that is checked", () => {
    expect(decodingOf(over)).toEqual(over);
    expect(decodingOf({ background: "drop" })).toEqual({ background: "drop" });
    for (const background of [[255, 255], [0, 0, 256], [0.5, 0, 0], [-1, 0, 0], "white", null]) {
      expect(() => decodingOf({ background: background as never }), String(background)).toThrow(/background must be three whole numbers from 0 to 255/);
    }
  });

  it("is so in any photo, and reaches Rust however the photo was read", async () => {
    const pixels: WirePhoto = { kind: "pixels", data: Uint8Array.of(1, 2, 3, 4), width: 1, height: 1, channels: 4 };
    expect(withDecoding(pixels, { decode: "fast" }, over)).toEqual({ ...pixels, ...over });
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load() });
    const bitmap = { close: () => undefined } as ImageBitmap;
    const photos: WirePhoto[] = [file, pixels, { kind: "bitmap", bitmap }, { kind: "encoded", bytes: text("avif, say") }];
    for (const [index, photo] of photos.entries()) {
      expect(await all.call({ type: "embed", id: 2 + index, argument: { ...photo, ...over } })).toMatchObject({ type: "done" });
      expect(all.engine.model.seen.at(-1)).toMatchObject(over);
    }
    await all.call({ type: "embed", id: 9, argument: pixels });
    expect(all.engine.model.seen.at(-1)).not.toHaveProperty("background");
  });
});

describe("a browser that falsifies what is read from a canvas", () => {
  it("is told of in the answer, and once by a warning; files don't come that way", async () => {
    const pixels = { kind: "pixels", data: Uint8Array.of(7, 7, 7, 255), width: 1, height: 1, channels: 4 } as const;
    const all = dispatcherWith(MODEL, { readPixels: async () => ({ pixels, noisy: "This browser falsifies" }) });
    await all.call({ type: "load", id: 1, argument: load() });
    const bitmap: WirePhoto = { kind: "bitmap", bitmap: { close: () => undefined } as ImageBitmap };
    const answers = [];
    for (const [index, argument] of [file, bitmap, bitmap].entries()) answers.push(await all.call({ type: "embed", id: 2 + index, argument }));
    expect(answers.map((answer) => "result" in answer && (answer.result as EmbeddingDetails).noisy)).toEqual([undefined, true, true]);
    const warnings = all.posted.flatMap((one) => (one.type === "warning" && one.warning.code === "canvas-noise" ? [one] : []));
    expect(warnings).toHaveLength(1);
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

  it("warns where no file of the model says how its photos are prepared", async () => {
    const all = dispatcherWith(MODEL);
    all.engine.model.defaultPreprocessing = true;
    await all.call({ type: "load", id: 1, argument: load() });
    expect(all.posted).toContainEqual(expect.objectContaining({ warning: expect.objectContaining({ code: "default-preprocessing" }) }));
  });

  it("has the browser decode what it is asked to, though Rust could", async () => {
    const { answer, seen } = await embed("avif, say", { decoder: "browser" });
    expect(seen).toMatchObject([{ kind: "pixels" }]);
    expect(answer).toMatchObject({ type: "done", result: { decoder: "browser" } });
    const refused = await embed("jpeg", { decoder: "browser" });
    expect(refused.answer).toMatchObject({ type: "failed", error: { code: "unsupported-format" } });
  });

  it("asks the browser about what Rust finds broken, and keeps Rust's error where the browser gives up as well", async () => {
    expect((await embed("avif, cut", {})).answer).toMatchObject({ type: "done", result: { decoder: "browser" } });
    expect((await embed("avif, cut", { decoder: "rust" })).answer).toMatchObject({ type: "failed", error: { code: "decode" } });
    expect((await embed("broken", {})).answer).toMatchObject({ type: "failed", error: { code: "decode", message: "cut short" } });
  });

  it("asks the page for files that the application decodes, told by their content, and for no others", async () => {
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load({ decodeOnPage: ["image/heic"] }) });
    const heic = new TextEncoder().encode("\0\0\0\x18ftypmif1\0\0\0\0heic....");
    const embedded = all.call({ type: "embed", id: 2, argument: { kind: "encoded", bytes: heic, decoder: "rust" } });
    await expect.poll(() => all.posted.some(({ type }) => type === "decode")).toBe(true);
    const asked = all.posted.find(({ type }) => type === "decode") as Extract<(typeof all.posted)[number], { type: "decode" }>;
    expect(asked.argument).toMatchObject({ type: "image/heic", bytes: heic });
    const pixels = { data: Uint8Array.of(5, 6, 7, 255), width: 1, height: 1, channels: 4 } as const;
    all.dispatcher.handle({ type: "done", id: asked.id, result: pixels });
    expect(await embedded).toMatchObject({ type: "done", result: { decoder: "application" } });
    expect(all.engine.model.seen).toMatchObject([{ kind: "pixels", width: 1 }]);
    expect(await all.call({ type: "embed", id: 3, argument: { kind: "encoded", bytes: text("jpeg") } })).toMatchObject({ result: { decoder: "rust" } });
  });

  it("computes on while the application's decoder takes its time, and lays what it gives over the background", async () => {
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load({ decodeOnPage: ["image/heic"] }) });
    const heic = () => new TextEncoder().encode("\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    const asked = (count: number) => expect.poll(() => all.posted.filter(({ type }) => type === "decode").length).toBe(count);
    for (const id of [2, 3, 4]) {
      all.dispatcher.handle({ type: "embed", id, argument: { kind: "encoded", bytes: heic(), background: [1, 2, 3] } });
    }
    await asked(2); // no more at a time
    expect(await all.call({ type: "embed", id: 5, argument: { kind: "encoded", bytes: text("jpeg") } })).toMatchObject({ type: "done" });
    all.dispatcher.handle({ type: "cancel", id: 2 });
    await asked(3);
    expect(all.posted).toContainEqual({ type: "cancel", id: 1 }); // the page's decoder hears it
    const pixels = { data: Uint8Array.of(5, 6, 7, 255), width: 1, height: 1, channels: 4 } as const;
    all.dispatcher.handle({ type: "done", id: 1, result: pixels }); // late
    all.dispatcher.handle({ type: "done", id: 2, result: pixels });
    expect(await all.settled(3)).toMatchObject({ type: "done", result: { decoder: "application" } });
    expect(all.engine.model.seen.at(-1)).toMatchObject({ kind: "pixels", background: [1, 2, 3] });
    all.dispatcher.handle({ type: "done", id: 3, result: { ...pixels, width: 20_000, height: 20_000 } });
    expect(await all.settled(4)).toMatchObject({ type: "failed", error: { code: "too-large" } });
  });

  it.each(["image/png", "image/gif", "image/bmp", "image/jpeg", "image/webp"])("keeps Rust's error for a page of HTML that is called %s", async (type) => {
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load() });
    all.engine.model.prepare = () => {
      throw rustError("unsupported-format", "no format that is known");
    };
    const blob = new Blob(["<!doctype html><html><head><title>404 Not Found</title></head></html>"], { type });
    expect(await all.call({ type: "embed", id: 2, argument: { kind: "blob", blob } })).toMatchObject({ error: { code: "unsupported-format" } });
  });

  it("embeds other photos though the application's decoder never answers, and there are more for it than are read ahead", async () => {
    const all = dispatcherWith({ ...MODEL, "https://models.test/a.heic": { body: "\0\0\0\x18ftypheic\0\0\0\0mif1heic" } });
    await all.call({ type: "load", id: 1, argument: load({ decodeOnPage: ["image/heic"] }) });
    const heic = () => new TextEncoder().encode("\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    const kinds: (() => WirePhoto)[] = [
      () => ({ kind: "encoded", bytes: heic() }),
      () => ({ kind: "blob", blob: new Blob([heic()]) }),
      () => ({ kind: "url", url: "https://models.test/a.heic" }),
    ];
    for (let id = 2; id < 32; id += 1) all.dispatcher.handle({ type: "embed", id, argument: kinds[id % 3]!() });
    expect(await all.call({ type: "embed", id: 99, argument: file })).toMatchObject({ type: "done" });
    expect(all.posted.filter(({ type }) => type === "decode")).toHaveLength(2);
    // Each of them has its turn, once those before it are done.
    const pixels = { data: Uint8Array.of(5, 6, 7, 255), width: 1, height: 1, channels: 4 } as const;
    for (let id = 1; id <= 30; id += 1) {
      await expect.poll(() => all.posted.some((one) => one.type === "decode" && one.id === id)).toBe(true);
      all.dispatcher.handle({ type: "done", id, result: { ...pixels } });
    }
    for (let id = 2; id < 32; id += 1) expect(await all.settled(id)).toMatchObject({ type: "done", result: { decoder: "application" } });
  });

  it("says what to do where an unknown file may be SVG, which the page did not see", async () => {
    const all = dispatcherWith(MODEL);
    await all.call({ type: "load", id: 1, argument: load() });
    all.engine.model.prepare = () => {
      throw rustError("unsupported-format", "no format that is known");
    };
    const utf16 = (content: string) => Uint8Array.from([0xff, 0xfe, ...[...content].flatMap((letter) => [letter.charCodeAt(0), 0])]);
    const svgs = ["<svg/>", "\ufeff \n<?xml version='1.0'?>", "<!DOCTYPE svg [<!ENTITY x 'y'>]>", "<!-- made by hand -->"].flatMap((one) => [text(one), utf16(one)]);
    const others = ["<!DOCTYPE html>", "<html>", "junk", ""].map(text);
    for (const [index, bytes] of [...svgs, ...others].entries()) {
      for (const decoder of ["auto", "rust"] as const) {
        const answer = await all.call({ type: "embed", id: 2 + 2 * index + (decoder === "auto" ? 0 : 1), argument: { kind: "encoded", bytes, decoder } });
        const message = index < svgs.length ? expect.stringMatching(/^no format that is known; if it is SVG, .* svg: true$/) : "no format that is known";
        expect(answer, `${index}`).toMatchObject({ error: { code: "unsupported-format", message } });
      }
    }
  });

  it("leaves the browser alone where it is told so", async () => {
    const { answer } = await embed("avif, say", { decoder: "rust" });
    expect(answer).toMatchObject({ type: "failed", error: { code: "unsupported-format" } });
  });
});
