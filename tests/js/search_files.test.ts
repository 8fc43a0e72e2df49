/**
 * Files of embeddings: round trips, NumPy's and pyarrow's of tests/golden/search, and what is wrong with one
 * (`hostile_collections.test.ts` has those of strangers).
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Embeddings, type CollectionFormat } from "clip-vision/search";
import { int64, Table, writeFlatbuffer } from "../../target/web/search/flatbuffer.js";

const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../golden/search/${name}`, import.meta.url)));

/** As tests/golden/generator/collections.py has them. */
const IDS = ["a", "ü/2", "", "four", "5"];
const VALUES = Float32Array.from({ length: 20 }, (_, i) => ((7 * Math.floor(i / 4) + 3 * (i % 4)) % 11) - 5);

async function collection(precision: "f32" | "int8" = "f32"): Promise<Embeddings> {
  const embeddings = new Embeddings({ precision });
  await embeddings.addMany(IDS, VALUES);
  return embeddings;
}

async function contents(embeddings: Embeddings): Promise<number[]> {
  const rows = await Promise.all(embeddings.ids().map((id) => embeddings.get(id)));
  return rows.flatMap((row) => Array.from(row!));
}

const bytesOf = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer());

describe("what Python writes", () => {
  for (const name of ["f2.npy", "f4.npy", "f8.npy", "version2.npy"]) {
    it(`${name} is read, with ids of one's own or numbers`, async () => {
      const numbered = await Embeddings.load(golden(name));
      expect(numbered.ids()).toEqual([0, 1, 2, 3, 4]);
      expect(await contents(numbered)).toEqual(Array.from(VALUES));
      const named = await Embeddings.load<string>(new Blob([golden(name) as BufferSource]), { ids: IDS });
      expect(named.ids()).toEqual(IDS);
      expect(await named.search(VALUES.subarray(4, 8), 1)).toMatchObject([{ id: "ü/2" }]);
    });
  }

  for (const [name, ids] of [
    ["fixed.arrow", IDS],
    ["list64.arrow", [10, 20, 30, 40, 50]],
    ["stream.arrows", IDS],
  ] as const) {
    it(`${name} is read`, async () => {
      const embeddings = await Embeddings.load(golden(name));
      expect(embeddings.ids()).toEqual(ids);
      expect(await contents(embeddings)).toEqual(Array.from(VALUES));
    });
  }
});

describe("what is written", () => {
  for (const format of ["clip-vision", "npy", "arrow"] as const) {
    it(`as ${format} is, to the byte, what Python was seen to read`, async () => {
      expect(await bytesOf(await (await collection()).toBlob(format))).toEqual(golden(`ours.${format}`));
    });

    it(`as ${format} is read again, also empty, also of many pieces`, async () => {
      for (const count of [0, 1, 30_000]) {
        const embeddings = new Embeddings<number>({ dimension: 64 });
        const values = Float32Array.from({ length: count * 64 }, (_, i) => Math.sin(i + 1));
        await embeddings.addMany(Array.from({ length: count }, (_, i) => i), values);
        if (count > 1) await embeddings.remove(17, 29_999);
        const again = await Embeddings.load<number>(await embeddings.toBlob(format));
        expect(again.size).toBe(embeddings.size);
        if (format !== "npy") expect(again.ids()).toEqual(embeddings.ids());
        if (count === 0) continue;
        const query = values.subarray(0, 64);
        const scores = (found: { score: number }[]) => found.map(({ score }) => score);
        expect(scores(await again.search(query, 50))).toEqual(scores(await embeddings.search(query, 50)));
      }
    }, 30_000);
  }

  it("of 8-bit rows keeps them to the bit in our own format, and gives floats in others", async () => {
    const int8 = await collection("int8");
    const blob = await int8.toBlob();
    const again = await Embeddings.load(blob);
    expect(again.precision).toBe("int8");
    expect(await contents(again)).toEqual(await contents(int8));
    expect(await bytesOf(await again.toBlob())).toEqual(await bytesOf(blob));
    const floats = await Embeddings.load(blob, { precision: "f32" });
    expect(floats.precision).toBe("f32");
    expect(await contents(floats)).toEqual(await contents(int8));
    const packed = await Embeddings.load(await (await collection()).toBlob(), { precision: "int8" });
    expect(await contents(packed)).toEqual(await contents(int8));
    expect(await contents(await Embeddings.load(await int8.toBlob("arrow")))).toEqual(await contents(int8));
  });

  it("refers to what it grew for, as the footer of a large Arrow file does", () => {
    const structs = new Uint8Array(BigInt64Array.from({ length: 2_000 }, (_, i) => BigInt(i)).buffer);
    const table = Table.root(writeFlatbuffer({ table: [{ structs, count: 1_000 }, int64(7)] }));
    expect(table.pair(0, 999)).toEqual([1998, 1999]);
    expect(table.pair(0, 1000)).toBeUndefined();
    expect(table.number(1, 8)).toBe(7);
  });

  it("keeps numbers and texts apart", async () => {
    const mixed = new Embeddings();
    await mixed.addMany([1, "1"], [Float32Array.of(1, 0), Float32Array.of(0, 1)]);
    expect((await Embeddings.load(await mixed.toBlob())).ids()).toEqual([1, "1"]);
  });
});

describe("the name of a model in a file", () => {
  const named = async (model: string, format: CollectionFormat): Promise<Uint8Array> => {
    const embeddings = new Embeddings({ model });
    await embeddings.addMany(IDS, VALUES);
    return bytesOf(await embeddings.toBlob(format));
  };
  const failure = (bytes: Uint8Array) => Embeddings.load(bytes).then(({ model }) => model, ({ code, message }) => `${code}: ${message}`);

  it("may be any text, beside which all else is as without it", async () => {
    for (const model of ["a", "ü/模型", "x".repeat(1000)]) {
      for (const format of ["clip-vision", "arrow"] as const) {
        const again = await Embeddings.load(await named(model, format));
        expect(again.model).toBe(model);
        expect(await contents(again)).toEqual(Array.from(VALUES));
      }
    }
  });

  it("is checksummed in ours, and limited in both", async () => {
    const bytes = await named("owner/name", "clip-vision");
    const at = new TextDecoder("latin1").decode(bytes).indexOf("owner/name");
    const changed = (...changes: [number, number][]) => bytes.map((byte, i) => changes.find(([at]) => at === i)?.[1] ?? byte);
    expect(await failure(changed([at, 0x4f]))).toMatch(/^integrity: .*its name of the model have/);
    expect(await failure(changed([48, 200]))).toMatch(/^decode: .*by its header should have/);
    expect(await failure(changed([48, 0]))).toMatch(/^(integrity|decode): /);

    const arrow = await named("x".repeat(1000), "arrow");
    const view = new DataView(arrow.buffer);
    const text = new TextDecoder("latin1").decode(arrow);
    const places = [...text.matchAll(/x{1000}/g)].map(({ index }) => index - 4);
    expect(places.length).toBe(2); // the schema, and the footer's copy of it
    for (const [length, message] of [[0, /unsupported-format: .*name of its model has 0 letters/], [1001, /unsupported-format: .*has 1001 letters, and 1 to 1000 are read/], [10_001, /decode: .*a text of 10001 bytes/], [2 ** 32 - 1, /decode: .*a text of/]] as const) {
      places.forEach((place) => view.setUint32(place, length, true));
      expect(await failure(arrow)).toMatch(message);
    }
  });
});

describe("texts by a dictionary", () => {
  it("are ids as pyarrow wrote them; places beyond it are refused", async () => {
    const bytes = golden("dictionary.arrow");
    const again = await Embeddings.load<string>(bytes);
    const plain = await Embeddings.load<string>(golden("fixed.arrow"));
    expect(again.ids()).toEqual(plain.ids());
    expect(await contents(again)).toEqual(await contents(plain));
    // The rows' places, 32 bits each, are in no order but this.
    const wanted = new Uint8Array(Int32Array.from(again.ids(), (_, i) => i).buffer);
    const at = Array.from(bytes.keys()).filter((from) => wanted.every((byte, i) => bytes[from + i] === byte)).at(-1)!;
    expect(at).toBeGreaterThan(0);
    for (const place of [again.size, 0x7fffffff, -1]) {
      const changed = bytes.slice();
      new DataView(changed.buffer).setInt32(at + 4, place, true);
      await expect(Embeddings.load(changed)).rejects.toMatchObject({ code: "decode", message: expect.stringContaining(`refers to value ${place} of a dictionary of`) });
    }
  });
});

describe("a file that is wrong", () => {
  const failure = (source: Uint8Array, options = {}) =>
    Embeddings.load(source, options).then(
      () => "read",
      ({ name, code, message }) => `${name} ${code}: ${message}`,
    );

  it("is told by what it lacks", async () => {
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(), /unsupported-format: .*empty/],
      [new TextEncoder().encode("<!doctype html>"), /unsupported-format: .*begins with 3c 21/],
      [golden("i4.npy"), /unsupported-format: .*type <i4; <f4, <f2 and <f8/],
      [golden("fortran.npy"), /unsupported-format: .*by columns/],
      [golden("flat.npy"), /unsupported-format: .*shape is \(20,\)/],
      [golden("lz4.arrow"), /unsupported-format: .*compressed by LZ4/],
      [golden("nulls.arrow"), /unsupported-format: .*1 values of column "embedding" of batch 0 are null/],
      [golden("ragged.arrow"), /unsupported-format: .*row 1 is not of 2/],
      [golden("texts.arrow"), /unsupported-format: .*none of its columns \(id\)/],
    ];
    for (const [bytes, message] of cases) expect(await failure(bytes)).toMatch(message);
    expect(await failure(golden("f4.npy"), { ids: ["a"] })).toMatch(/invalid-argument: There are 1 ids for 5/);
    expect(await failure(golden("f4.npy"), { ids: ["a", "b", "a", "c", "d"] })).toMatch(/The id "a" is there more than once/);
    const zeros = golden("f4.npy");
    zeros.fill(0, 128 + 32, 128 + 48);
    expect(await failure(zeros)).toMatch(/decode: .*of the rows from 0 on: Embedding 2 of those given has no length/);
  });

  it("of ours names the part that was changed", async () => {
    const bytes = golden("ours.clip-vision");
    const changed = (at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 4 : byte));
    const cases: [number, RegExp][] = [
      [0, /unsupported-format/],
      [8, /unsupported-format: .*version 5, of a later release/],
      [13, /integrity: .*its header have the checksum/],
      [66, /integrity: .*its ids have/],
      [130, /integrity: .*its scales have/],
      [bytes.length - 1, /integrity: .*its rows have/],
    ];
    for (const [at, message] of cases) expect(await failure(changed(at)), `byte ${at}`).toMatch(message);
  });
});

/** The compiler's part: a format is one of three. */
export const formats: CollectionFormat[] = ["clip-vision", "npy", "arrow"];
