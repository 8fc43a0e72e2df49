import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sizeInHeader } from "../../web/worker/header_size.ts";

const IMAGES = new URL("../golden/images/", import.meta.url);
const read = (name: string): Uint8Array => readFileSync(new URL(name, IMAGES));

/** A box of an ISO base media file. */
const box = (name: string, ...content: (number[] | Uint8Array)[]): Uint8Array => {
  const body = content.flatMap((one) => [...one]);
  return Uint8Array.from([...uint32(8 + body.length), ...new TextEncoder().encode(name), ...body]);
};
const uint32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const file = (...boxes: Uint8Array[]): Uint8Array => Uint8Array.from(boxes.flatMap((one) => [...one]));
const ftyp = (brand: string): Uint8Array => box("ftyp", new TextEncoder().encode(brand), uint32(0));
const ispe = (width: number, height: number): Uint8Array => box("ispe", uint32(0), uint32(width), uint32(height));
const meta = (...properties: Uint8Array[]): Uint8Array => box("meta", uint32(0), box("iprp", box("ipco", ...properties)), new Uint8Array(16));

describe("the size in a file's header", () => {
  it.each<[string, [number, number]]>([
    ["photo-640x427.jpg", [640, 427]],
    ["exif-6.jpg", [40, 60]], // as it is stored
    ["photo-progressive.jpg", [300, 225]],
    ["rgb-photo.png", [160, 120]],
    ["still.gif", [101, 75]],
    ["lossy.webp", [200, 150]],
    ["lossless.webp", [121, 90]],
    ["exif-5.webp", [40, 60]], // with a canvas
    ["rgb.bmp", [61, 45]],
    ["../foreign/photo.avif", [160, 120]],
    ["../foreign/photo.heic", [160, 120]],
  ])("%s", (name, [width, height]) => expect(sizeInHeader(read(name))).toEqual({ width, height }));

  it("of AVIF and HEIC is that of the largest picture inside, of a sequence's frames too", () => {
    expect(sizeInHeader(file(ftyp("avif"), meta(ispe(30, 20), ispe(16_000, 17_000), ispe(8, 8))))).toEqual({ width: 16_000, height: 17_000 });
    expect(sizeInHeader(file(ftyp("heic"), box("free", new Uint8Array(99)), meta(ispe(30, 20))))).toEqual({ width: 30, height: 20 });
    const entry = box("av01", new Uint8Array(24), [0x40, 0], [0x20, 0], new Uint8Array(50));
    const moov = box("moov", box("trak", box("stsd", uint32(0), uint32(1), entry)));
    expect(sizeInHeader(file(ftyp("avis"), meta(ispe(30, 20)), moov))).toEqual({ width: 0x4000, height: 0x2000 });
  });

  it("is not known of other files", () => {
    expect(sizeInHeader(new TextEncoder().encode("junk"))).toBeUndefined();
    expect(sizeInHeader(file(ftyp("avif"), meta()))).toBeUndefined();
    expect(sizeInHeader(new Uint8Array())).toBeUndefined();
  });

  it("is not read of what is no picture, though it is called one or begins as one", () => {
    const html = "<!doctype html><html><head><title>404 Not Found</title></head><body>Nothing here, and nothing there</body></html>";
    for (const content of [html, "BMW was founded in Munich a long time ago", "GIF8 is how such files begin, mostly", "It is in WEBPVP8X, it says: no more"]) {
      expect(sizeInHeader(new TextEncoder().encode(content)), content).toBeUndefined();
    }
  });

  it("of a PNG is in its header's chunk, which Apple's have one before", () => {
    const chunk = (name: string, ...content: number[][]) => [...uint32(content.flat().length), ...new TextEncoder().encode(name), ...content.flat(), ...uint32(0x89abcdef)];
    const png = (...chunks: number[][]) => Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, ...chunks.flat()]);
    const ihdr = chunk("IHDR", uint32(57), uint32(58), [8, 6, 0, 0, 0]);
    expect(sizeInHeader(png(chunk("CgBI", uint32(0x50002002)), ihdr))).toEqual({ width: 57, height: 58 });
    expect(sizeInHeader(png(chunk("tEXt", uint32(0x50002002)), ihdr))).toBeUndefined();
    expect(sizeInHeader(png(chunk("CgBI", uint32(0)), chunk("IDAT", uint32(9), uint32(9))))).toBeUndefined();
  });

  it("is found or not in what is left of any file, without an error and without end", () => {
    const files = readdirSync(IMAGES).map(read);
    files.push(file(ftyp("avif"), meta(ispe(30, 20))));
    for (const whole of files) {
      for (let length = 0; length < Math.min(whole.length, 200); length += 1) sizeInHeader(whole.subarray(0, length));
      for (let at = 0; at < Math.min(whole.length, 200); at += 1) {
        const damaged = Uint8Array.from(whole.subarray(0, 4096));
        for (const value of [0, 1, 255]) {
          damaged[at] = value;
          sizeInHeader(damaged);
        }
      }
    }
  });
});
