import { describe, expect, it } from "vitest";
import { isSvg, isSvgBlob, isSvgUrl } from "../../web/page/svg.ts";
import { drawnSize } from "../../web/page/svg_drawing.ts";
import { text } from "./fakes.ts";

describe("what is SVG", () => {
  it.each([
    ["<svg xmlns='http://www.w3.org/2000/svg'/>", true],
    ["\uFEFF\n <?xml version='1.0'?>\n<!-- a drawing --><svg>", true],
    ["<SVG >", true],
    ["<svgish>", false],
    ["<html><body>", false],
    ["svg <svg>", false],
    [`<x>${" ".repeat(2000)}<svg>`, false],
    ["", false],
  ])("file: %s", async (content, expected) => {
    expect(isSvg(text(content))).toBe(expected);
    expect(await isSvgBlob(new Blob([content]))).toBe(expected);
  });

  it("a Blob's type is believed", async () => {
    expect(await isSvgBlob(new Blob(["<svg>"], { type: "image/png" }))).toBe(false);
    expect(await isSvgBlob(new Blob([""], { type: "image/svg+xml;charset=utf-8" }))).toBe(true);
  });

  it.each([
    ["https://a.test/logo.svg?v=3#x", true],
    ["https://a.test/LOGO.SVG", true],
    ["https://a.test/svg", false],
    ["https://a.test/a.png?b=.svg", false],
    ["data:image/svg+xml,%3Csvg%3E", true],
    ["data:image/svg+xml;base64,AAAA", true],
    ["data:image/png;base64,AAAA", false],
    ["blob:https://a.test/0", false],
  ])("address: %s", (url, expected) => expect(isSvgUrl(url)).toBe(expected));
});

describe("a drawing's size", () => {
  it.each<[width: number, height: number, maxPixels: number | undefined, drawn: [number, number]]>([
    [30, 20, undefined, [30, 20]],
    [2000, 2000, undefined, [2000, 2000]],
    [16_000, 16_000, undefined, [2000, 2000]],
    [16_000, 4000, undefined, [4000, 1000]],
    [16_000, 4000, 1e9, [4000, 1000]],
    [30, 20, 150, [15, 10]],
    [1e9, 1, undefined, [8192, 1]],
    [1e9, 1e9, undefined, [2000, 2000]],
    [0, 0, undefined, [512, 512]],
    [0, 0, 100 * 100, [100, 100]],
    [100, 0, 2 ** 16, [256, 256]],
  ])("%d x %d, where %d pixels are allowed", (width, height, maxPixels, [drawnWidth, drawnHeight]) =>
    expect(drawnSize({ width, height }, maxPixels)).toEqual({ width: drawnWidth, height: drawnHeight }),
  );
});
