import { resolveObjectURL } from "node:buffer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { discardPhoto, packPhoto, type PhotoSource } from "../../web/page/photo.ts";
import { text } from "./fakes.ts";

/** An object that says of itself what the browser's own would say. */
const tagged = <T extends object>(tag: string, object: T) => Object.assign(object, { [Symbol.toStringTag]: tag });
const pack = (source: unknown, transfer = false) => packPhoto(source as PhotoSource, transfer);

afterEach(() => vi.unstubAllGlobals());

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

  it("are bytes, copied at the call: of a view, what it shows", async () => {
    const bytes = text("--jpeg--");
    const packing = pack(new DataView(bytes.buffer, 2, 4));
    bytes.fill(0);
    const { photo, transfer } = await packing;
    expect(photo).toEqual({ kind: "encoded", bytes: text("jpeg") });
    expect(transfer).toEqual([(photo as { bytes: Uint8Array }).bytes.buffer]);
    expect((await pack(new SharedArrayBuffer(3), true)).photo).toEqual({ kind: "encoded", bytes: new Uint8Array(3) });
  });

  it("are drawings at an address, which the application's own function reads if there is one", async () => {
    const drawn: string[] = [];
    const bitmap = {};
    vi.stubGlobal("document", { baseURI: "https://app.test/" });
    vi.stubGlobal("createImageBitmap", async () => bitmap);
    vi.stubGlobal(
      "Image",
      class {
        src = "";
        naturalWidth = 1;
        async decode() {
          drawn.push(this.src.startsWith("blob:") ? await resolveObjectURL(this.src)!.text() : this.src);
        }
      },
    );
    const read = async (url: string) => text(`<svg>${url}</svg>`);
    expect((await packPhoto("logo.svg", false, read)).photo).toEqual({ kind: "bitmap", bitmap });
    expect((await pack("logo.svg")).photo).toEqual({ kind: "bitmap", bitmap });
    expect(drawn).toEqual(["<svg>https://app.test/logo.svg</svg>", "https://app.test/logo.svg"]);
    await expect(packPhoto("logo.svg", false, () => Promise.reject(new Error("offline")))).rejects.toThrow("offline");
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
  ])("that show nothing are invalid: %#", (source) =>
    expect(pack(source)).rejects.toMatchObject({ code: "invalid-argument" }),
  );
});
