import { resolveObjectURL } from "node:buffer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { discardPhoto, packPhoto, type Packing, type PhotoSource } from "../../web/page/photo.ts";
import { text } from "./fakes.ts";

/** An object that says of itself what the browser's own would say. */
const tagged = <T extends object>(tag: string, object: T) => Object.assign(object, { [Symbol.toStringTag]: tag });
const pack = (source: unknown, transfer = false, packing: Partial<Packing> = {}) =>
  packPhoto(source as PhotoSource, { transfer, read: async () => text("<svg/>"), ...packing });

afterEach(() => vi.unstubAllGlobals());

/** A page that draws every SVG as one of this size; what it has drawn, and how large. */
function fakeDrawing(naturalWidth: number, naturalHeight: number) {
  const drawn: string[] = [];
  const sizes: number[][] = [];
  vi.stubGlobal("document", { baseURI: "https://app.test/" });
  vi.stubGlobal(
    "Image",
    class {
      src = "";
      naturalWidth = naturalWidth;
      naturalHeight = naturalHeight;
      async decode() {
        drawn.push(await resolveObjectURL(this.src)!.text());
      }
    },
  );
  vi.stubGlobal(
    "OffscreenCanvas",
    class {
      getContext = () => ({ drawImage: (_image: unknown, _x: 0, _y: 0, width: number, height: number) => sizes.push([width, height]) });
      transferToImageBitmap = () => "drawn";
    },
  );
  return { drawn, sizes };
}

describe("photos that are files", () => {
  it("are addresses, made absolute on the page", async () => {
    vi.stubGlobal("document", { baseURI: "https://app.test/gallery/" });
    expect((await pack("cat.jpg")).photo).toEqual({ kind: "url", url: "https://app.test/gallery/cat.jpg" });
    expect((await pack(new URL("https://p.test/x"))).photo).toEqual({ kind: "url", url: "https://p.test/x" });
  });

  it("are Blobs, by reference", async () => {
    const file = new File(["x"], "x.jpg");
    expect(await pack(file)).toEqual({ photo: { kind: "blob", blob: file }, transfer: [] });
  });

  it("are what a server answered with, if it is a file and nobody has read it", async () => {
    const { photo } = await pack(new Response("x", { headers: { "content-type": "image/png" } }));
    expect(photo).toMatchObject({ kind: "blob", blob: { type: "image/png" } });
    expect(await (photo as { blob: Blob }).blob.text()).toBe("x");
    const read = new Response("x");
    await read.text();
    await expect(pack(read)).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining("read before") });
    await expect(pack(new Response("no", { status: 404 }))).rejects.toMatchObject({ code: "fetch", message: expect.stringContaining("404") });
    const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) });
    await expect(pack(new Response(broken))).rejects.toMatchObject({ code: "fetch", message: expect.stringContaining("broke off") });
  });

  it("are bytes, copied at the call: of a view, what it shows", async () => {
    const bytes = text("--jpeg--");
    const packing = pack(new DataView(bytes.buffer, 2, 4));
    bytes.fill(0);
    const { photo, transfer } = await packing;
    expect(photo).toEqual({ kind: "encoded", bytes: text("jpeg") });
    expect(transfer).toEqual([(photo as { bytes: Uint8Array }).bytes.buffer]);
    expect((await pack(new SharedArrayBuffer(3), true)).photo).toEqual({ kind: "encoded", bytes: new Uint8Array(3) });
  });

  it("are drawings, read and drawn on the page where the application wants SVG", async () => {
    const { drawn, sizes } = fakeDrawing(30, 20);
    const read = async (url: string) => text(`<svg>${url}</svg>`);
    const svg = { svg: true, read };
    const sources = ["logo.svg", new Blob(["<svg>blob</svg>"]), text("<svg>bytes</svg>")];
    for (const source of sources) expect((await pack(source, false, svg)).photo).toEqual({ kind: "bitmap", bitmap: "drawn" });
    expect(drawn).toEqual(["<svg>https://app.test/logo.svg</svg>", "<svg>blob</svg>", "<svg>bytes</svg>"]);
    expect(sizes).toEqual(Array(3).fill([30, 20]));
    await expect(pack("logo.svg", false, { svg: true, read: () => Promise.reject(new Error("offline")) })).rejects.toThrow("offline");
    const large = { size: 2 ** 24 + 1, type: "image/svg+xml", [Symbol.toStringTag]: "Blob" };
    await expect(pack(large, false, svg)).rejects.toMatchObject({ code: "too-large" });
    expect(drawn).toHaveLength(3);
  });

  it("are drawings that are not even read otherwise", async () => {
    const { drawn } = fakeDrawing(30, 20);
    const read = vi.fn();
    const refusal = { code: "unsupported-format", message: expect.stringContaining("svg: true") };
    const sources = ["logo.svg", "data:image/svg+xml,<svg/>", new Blob([], { type: "image/svg+xml" }), text("<svg/>")];
    for (const source of sources) await expect(pack(source, false, { read })).rejects.toMatchObject(refusal);
    expect(read).not.toHaveBeenCalled();
    expect(drawn).toEqual([]);
    vi.stubGlobal("document", undefined);
    await expect(pack(text("<svg/>"), false, { svg: true })).rejects.toMatchObject({ code: "unsupported-format" });
  });

  it("are bytes that move, if that is allowed", async () => {
    const bytes = text("jpeg");
    const { photo, transfer } = await pack(bytes, true);
    expect(transfer[0]).toBe(bytes.buffer);
    structuredClone(photo, { transfer: transfer as never });
    await expect(pack(bytes.buffer)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("photos that are pixels", () => {
  it("are checked and copied", async () => {
    const data = Uint8ClampedArray.of(1, 2, 3);
    const packing = pack({ data, width: 1, height: 1, channels: 3 });
    data.fill(0);
    expect((await packing).photo).toEqual({ kind: "pixels", data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 });
    const image = tagged("ImageData", { data: new Uint8ClampedArray(8), width: 2, height: 1 });
    expect((await pack(image)).photo).toMatchObject({ kind: "pixels", width: 2, height: 1, channels: 4 });
  });

  const data = new Uint8Array(12);
  it.each([
    { data, width: 2, height: 2, channels: 4 },
    { data, width: 2, height: 2, channels: 2 },
    { data, width: 0, height: 2, channels: 3 },
    { data, width: 2.5, height: 2, channels: 3 },
    { data, width: 2, channels: 3 },
    { data: new Float32Array(12), width: 2, height: 2, channels: 3 },
    { data: [1, 2, 3], width: 1, height: 1, channels: 3 },
  ])("of no possible shape are invalid: %j", (source) =>
    expect(pack(source)).rejects.toMatchObject({ code: "invalid-argument" }),
  );
});

describe("a <video>", () => {
  const camera = { videoWidth: 4, videoHeight: 3, readyState: 4, HAVE_CURRENT_DATA: 2 };

  it("whose frame comes a moment later than it says is waited for", async () => {
    const capture = vi.fn(async () => "bitmap").mockRejectedValueOnce(new Error("no current data"));
    vi.stubGlobal("createImageBitmap", capture);
    expect((await pack(tagged("HTMLVideoElement", camera))).photo).toEqual({ kind: "bitmap", bitmap: "bitmap" });
    expect(capture).toHaveBeenCalledTimes(2);
  });

  it("that gives none is an error after a second, and one without any at once", async () => {
    vi.stubGlobal("createImageBitmap", async () => Promise.reject(new Error("no current data")));
    await expect(pack(tagged("HTMLVideoElement", camera))).rejects.toMatchObject({ code: "decode", message: "The browser gives no pixels of the <video>" });
    await expect(pack(tagged("HTMLVideoElement", { ...camera, readyState: 1 }))).rejects.toThrow(/loadeddata/);
  });
});

describe("photos that are too large", () => {
  const size = (width: number, height: number, names: [string, string] = ["width", "height"]) => ({ [names[0]]: width, [names[1]]: height });
  const decode = vi.fn(async () => undefined);
  const capture = vi.fn(async () => "bitmap");
  const clone = vi.fn();
  const large = (w: number, h: number): object[] => [
    tagged("ImageBitmap", size(w, h)),
    tagged("VideoFrame", { ...size(w, h, ["displayWidth", "displayHeight"]), clone }),
    tagged("HTMLCanvasElement", size(w, h)),
    tagged("OffscreenCanvas", size(w, h)),
    tagged("HTMLVideoElement", { ...size(w, h, ["videoWidth", "videoHeight"]), readyState: 2, HAVE_CURRENT_DATA: 2 }),
    tagged("HTMLImageElement", { ...size(w, h, ["naturalWidth", "naturalHeight"]), src: "x.png", decode }),
  ];

  it("are refused before they are captured, decoded or copied", async () => {
    vi.stubGlobal("createImageBitmap", capture);
    for (const source of large(10_000, 10_001)) await expect(pack(source)).rejects.toMatchObject({ code: "too-large" });
    for (const source of large(5, 3)) await expect(pack(source, true, { maxPixels: 14 })).rejects.toMatchObject({ code: "too-large" });
    expect([decode, capture, clone].map((one) => one.mock.calls)).toEqual([[], [], []]);
    for (const source of large(5, 3)) await pack(source, false, { maxPixels: 15 });
  });

  it("are refused if they take more memory than a photo may, whatever the limit on pixels", async () => {
    vi.stubGlobal("createImageBitmap", capture.mockClear());
    for (const source of large(16_384, 8192 + 1)) await expect(pack(source, false, { maxPixels: 1e9 })).rejects.toThrow(/bytes of memory/);
    expect(capture).not.toHaveBeenCalled();
  });

  it("are an <img> whose size is known once it has been loaded", async () => {
    vi.stubGlobal("createImageBitmap", capture.mockClear());
    const image = tagged("HTMLImageElement", {
      ...size(0, 0, ["naturalWidth", "naturalHeight"]),
      src: "x.png",
      decode: async () => void Object.assign(image, { naturalWidth: 16_000, naturalHeight: 16_000 }),
    });
    await expect(pack(image)).rejects.toMatchObject({ code: "too-large" });
    expect(capture).not.toHaveBeenCalled();
  });

  it("are raw pixels, before they are copied", async () => {
    const pixels = (width: number, channels: number) => ({ data: new Uint8Array(width * channels), width, height: 1, channels });
    await expect(pack(pixels(16, 3), true, { maxPixels: 15 })).rejects.toMatchObject({ code: "too-large" });
    expect((await pack(pixels(16, 3), true, { maxPixels: 16 })).photo).toMatchObject({ width: 16 });
    await expect(pack(tagged("ImageData", { ...size(4, 4), data: new Uint8ClampedArray(64) }), true, { maxPixels: 15 })).rejects.toMatchObject({
      code: "too-large",
    });
  });
});

describe("what the browser has decoded", () => {
  it("are captured at the call and moved", async () => {
    const bitmap = tagged("ImageBitmap", { width: 3, height: 2, close: vi.fn() });
    const capture = vi.fn(async (_source: unknown) => bitmap);
    vi.stubGlobal("createImageBitmap", capture);
    for (const tag of ["HTMLCanvasElement", "OffscreenCanvas", "ImageBitmap"]) {
      const source = tagged(tag, { width: 3, height: 2 });
      const packing = pack(source);
      expect(capture.mock.lastCall?.[0]).toBe(source); // before anything is waited for
      expect(await packing).toEqual({ photo: { kind: "bitmap", bitmap }, transfer: [bitmap] });
    }
    const packed = await pack(bitmap, true);
    expect(packed.transfer).toEqual([bitmap]);
    discardPhoto(packed);
    expect(bitmap.close).toHaveBeenCalledOnce();
  });

  it("wait for an <img>, and say which one failed", async () => {
    vi.stubGlobal("createImageBitmap", async () => "bitmap");
    const image = (decode: () => Promise<void>) => tagged("HTMLImageElement", { src: "https://p.test/x.png", decode });
    expect((await pack(image(async () => undefined))).photo).toEqual({ kind: "bitmap", bitmap: "bitmap" });
    await expect(pack(image(() => Promise.reject(new Error("no"))))).rejects.toMatchObject({
      code: "decode",
      message: expect.stringContaining("https://p.test/x.png"),
    });
  });

  it.each([
    tagged("HTMLImageElement", { src: "" }),
    tagged("HTMLCanvasElement", { width: 0, height: 5 }),
    tagged("HTMLVideoElement", { readyState: 1, HAVE_CURRENT_DATA: 2 }),
    tagged("ImageBitmap", { width: 0, height: 0 }),
    tagged("VideoFrame", { displayWidth: 0, displayHeight: 0 }),
    tagged("HTMLDivElement", {}),
    null,
    undefined,
    7,
    [],
    {},
  ])("that show nothing are invalid: %#", async (source) => {
    vi.stubGlobal("createImageBitmap", () => Promise.reject(new Error("not asked for")));
    await expect(pack(source)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it.each(["ImageBitmap", "HTMLImageElement", "HTMLVideoElement", "HTMLCanvasElement", "OffscreenCanvas"])("can't be read outside browsers: %s", (tag) =>
    expect(pack(tagged(tag, { width: 2, height: 2, src: "x" }))).rejects.toMatchObject({ code: "unsupported-browser", message: expect.stringContaining("in Node its path") }),
  );
});
