// The demo's pure parts: what is typed or picked becomes a model, numbers become text, embeddings become a matrix.

import { describe, expect, test } from "vitest";
import { describe as describeEmbedding, layout } from "../../www/src/fingerprint.ts";
import { bytes, duration, percent, plural, shortName, similarity } from "../../www/src/format.ts";
import { ChoiceError, hubInAddress, looksLikeModel, modelInAddress, modelInFolder, parseModel, strangersIn } from "../../www/src/model_source.ts";
import { extremes, matrixOf, scaleStart, shade } from "../../www/src/similarity.ts";
import { labelsIn } from "../../www/src/words.ts";

const BASE = "https://demo.test/clip/";

describe("what is typed", () => {
  test.each([
    ["openai/clip-vit-base-patch32", { kind: "hub", id: "openai/clip-vit-base-patch32", label: "openai/clip-vit-base-patch32" }],
    ["  a.b/c_d-1@refs/pr/15 ", { kind: "hub", id: "a.b/c_d-1", label: "a.b/c_d-1", revision: "refs/pr/15" }],
    ["https://x.test/models/b32", { kind: "address", label: "b32", url: "https://x.test/models/b32/" }],
    ["https://x.test/", { kind: "address", label: "x.test", url: "https://x.test/" }],
    ["./models/b32/", { kind: "address", label: "b32", url: "https://demo.test/clip/models/b32/" }],
    ["/golden/m", { kind: "address", label: "m", url: "https://demo.test/golden/m/" }],
  ])("%s", (typed, expected) => expect(parseModel(typed, BASE)).toEqual(expected));

  test.each(["", "   ", "clip", "a/b/c", "a b/c", "https://", "ftp://x/y"])("%j is refused in a sentence", (typed) => {
    expect(() => parseModel(typed, BASE)).toThrow(ChoiceError);
    expect(() => parseModel(typed, BASE)).toThrow(/\.$/);
  });

  test("the page's address names a model and a hub", () => {
    expect(modelInAddress(BASE)).toBeNull();
    expect(modelInAddress(`${BASE}?model=a/b&hub=/mirror/`)).toMatchObject({ id: "a/b", hub: "https://demo.test/mirror/" });
    expect(modelInAddress(`${BASE}?model=../m`)).toMatchObject({ kind: "address", url: "https://demo.test/m/" });
  });

  test("the page's address may name a stranger's server, which is said", () => {
    for (const own of ["", "?model=a/b", "?model=../m", "?model=a/b&hub=/mirror/", `?model=${BASE}m`]) expect(strangersIn(BASE + own)).toEqual([]);
    expect(strangersIn(`${BASE}?model=a/b&hub=https://x.test/`)).toEqual(["x.test"]);
    expect(strangersIn(`${BASE}?model=%20//x.test:81/m`)).toEqual(["x.test:81"]);
    expect(strangersIn(`${BASE}?model=https://x.test/m&hub=https://y.test/`)).toEqual(["y.test", "x.test"]);
    expect(strangersIn(`${BASE}?model=https://&hub=http://`)).toEqual([]);
    expect(strangersIn(`${BASE}?model=https://x.test/m&hub=http://`)).toEqual([]); // neither can be loaded
    expect(() => hubInAddress(`${BASE}?hub=http://`)).toThrow(ChoiceError);
  });

  // Everything that `new URL` takes for an address.
  test.each(["HTTPS://x.test", "\\\\x.test", "/\\x.test", "/%09/x.test", "ht%0Atps://x.test", "http:x.test", "%01https://x.test", "https:\\\\x.test"])(
    "a stranger's hub is said however it is written: %s",
    (hub) => {
      const address = `${BASE}?model=a/b&hub=${hub}`;
      expect(new URL(modelInAddress(address)?.kind === "hub" ? hubInAddress(address)! : "").host).toBe("x.test");
      expect(strangersIn(address)).toEqual(["x.test"]);
    },
  );

  test("an address without a host is a stranger's as well", () => {
    expect(strangersIn(`${BASE}?model=a/b&hub=data:,x`)).toEqual(["data:,x"]);
  });
});

describe("a folder", () => {
  const files = (...paths: string[]) => paths.map((path) => ({ path, file: new File([path], path.split("/").at(-1) ?? "") }));
  const read = async (blob: Blob | undefined): Promise<string | undefined> => blob?.text();

  test("gives the files beside the outermost config.json", async () => {
    const model = modelInFolder(
      files("m/onnx/config.json", "m/onnx/tokenizer.json", "m/config.json", "m/model.safetensors", "m/preprocessor_config.json", "m/vocab.json"),
    );
    expect(model.label).toBe("m");
    expect(await read(model.config)).toBe("m/config.json");
    expect(await read(model.weights)).toBe("m/model.safetensors");
    expect(await read(model.optional.preprocessor)).toBe("m/preprocessor_config.json");
    expect(await read(model.optional.vocab)).toBe("m/vocab.json");
    expect(model.optional).not.toHaveProperty("tokenizer");
  });

  test("does without preprocessor_config.json", () => {
    expect(modelInFolder(files("m/config.json", "m/model.safetensors")).optional).toEqual({});
  });

  test.each([
    [[], "is empty"],
    [["m/a.jpg"], "“m” has no config.json"],
    [["m/config.json"], "“m” has no model.safetensors"],
    [["m/config.json", "m/other/model.safetensors"], "“m” has no model.safetensors"],
    [["m/config.json", "m/pytorch_model.bin"], "pytorch_model.bin"],
    [["m/config.json", "m/model.safetensors.index.json", "m/model-00001-of-00002.safetensors"], "several pieces"],
  ])("%j: %s", (paths, sentence) => expect(() => modelInFolder(files(...paths))).toThrow(sentence));

  test("is told from one of photos", () => {
    expect(looksLikeModel(files("m/config.json"))).toBe(true);
    expect(looksLikeModel(files("m/x.safetensors"))).toBe(true);
    expect(looksLikeModel(files("m/a.jpg", "m/notes.json"))).toBe(false);
  });
});

describe("numbers as text", () => {
  const spaced = (text: string): string => text.replace("\u00a0", " "); // the unit is never left alone on the next line

  test.each([
    [0, "0 bytes"], [999, "999 bytes"], [1000, "1.0 kB"], [9960, "10 kB"], [96_056, "96 kB"], [605_200_000, "605 MB"],
    [999_600, "1.0 MB"], [1_710_000_000, "1.7 GB"],
  ])("%d bytes are %s", (count, text) => expect(spaced(bytes(count))).toBe(text));
  test.each([[0.04, "0.0 ms"], [3.44, "3.4 ms"], [9.97, "10 ms"], [213.4, "213 ms"], [999.6, "1.0 s"], [12_340, "12.3 s"]])(
    "%d milliseconds are %s",
    (value, text) => expect(spaced(duration(value))).toBe(text),
  );
  test.each([[1, "1.00"], [-0.001, "0.00"], [-0.126, "\u22120.13"]])("%d is %s", (value, text) => expect(similarity(value)).toBe(text));
  test.each([[0, "0 %"], [0.004, "< 1 %"], [0.005, "1 %"], [0.996, "100 %"]])("%d is %s", (share, text) =>
    expect(percent(share).replaceAll("\u00a0", " ")).toBe(text),
  );
  test("plurals and names", () => {
    expect([plural(1, "photo"), plural(0, "photo")]).toEqual(["1 photo", "0 photos"]);
    expect(shortName("a.jpg")).toBe("a.jpg");
    expect(shortName("a-very-long-name-of-a-photo-0001.jpeg", 20)).toHaveLength(20);
    expect(shortName("a-very-long-name-of-a-photo-0001.jpeg", 20)).toMatch(/^a-very.*….*\.jpeg$/);
  });
});

test.each([
  ["circle, square", ["circle", "square"]],
  [" a red heart ,,circle , circle", ["a red heart", "circle"]],
  [" , ", []],
])("%j are labels", (text, labels) => expect(labelsIn(text)).toEqual(labels));

describe("similarity", () => {
  const e = [[1, 0], [0.6, 0.8], [0, 2]].map((v) => Float32Array.from(v));

  test("is the cosine, whatever the lengths", () => {
    const matrix = matrixOf(e);
    expect(matrix[0]![2]).toBe(0);
    expect(matrix[1]![2]).toBeCloseTo(0.8, 6);
    expect(matrixOf([Float32Array.of(-3), Float32Array.of(2)])[0]![1]).toBe(-1);
  });

  test("is symmetric, one on the diagonal, and knows its extremes", () => {
    const matrix = matrixOf(e);
    expect(matrix.map((row, i) => row[i])).toEqual([1, 1, 1]);
    expect(matrix[0]![1]).toBe(matrix[1]![0]);
    expect(extremes(matrix)).toMatchObject({ most: { first: 1, second: 2 }, least: { first: 0, second: 2 } });
    expect(extremes(matrixOf(e.slice(0, 1)))).toBeNull();
  });

  test("is colored from the lowest tenth up to one", () => {
    expect([0.37, 0.4, 1, -0.21].map(scaleStart)).toEqual([0.3, 0.4, 0.9, -0.3]);
    expect([0.4, 0.7, 1, 0.1].map((value) => shade(value, 0.4))).toEqual([0, expect.closeTo(0.5), 1, 0]);
  });
});

describe("an embedding, drawn", () => {
  test.each([1, 24, 63, 64, 512, 513, 768])("%d values have a cell each and no empty row", (dimension) => {
    const { columns, rows } = layout(dimension);
    expect(columns * rows).toBeGreaterThanOrEqual(dimension);
    expect(columns * (rows - 1)).toBeLessThan(dimension);
  });
  test("is described in words", () => {
    expect(describeEmbedding(Float32Array.of(0.1, -0.25, 0.5))).toBe(
      "Embedding of 3 values, from \u22120.250 at position 2 to 0.500 at position 3",
    );
  });
});
