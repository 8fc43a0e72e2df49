/** Saved collections from strangers: each attack ends with an error that says what is wrong, in a time that its bytes are worth. */

import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Embeddings } from "clip-vision/search";
import { describe, expect, it } from "vitest";
import { Thread } from "../../target/web/node/thread.js";
import { Connection } from "../../target/web/search/connection.js";
import { int16, int32, int64, int8, writeFlatbuffer, type Node } from "../../target/web/search/flatbuffer.js";
import { loadMutations, outcomeOf, sealed, type Loading } from "../browser/fixtures/mutations.js";

const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../golden/search/${name}`, import.meta.url)));
const script = new URL("../../target/web/node/search_worker.js", import.meta.url);
const connect = (): Loading => new Connection(() => new Thread(script)) as unknown as Loading;

/** How long a load may take that must not take long, in milliseconds: a busy machine starts a thread slowly. */
const PATIENCE = 5_000;

const failure = (source: Uint8Array, options = {}): Promise<string> =>
  Embeddings.load(source as Uint8Array<ArrayBuffer>, { signal: AbortSignal.timeout(PATIENCE), ...options }).then(
    (read) => (read.close(), `read ${read.size}`),
    ({ name, code, message }) => `${name} ${code}: ${message}`,
  );

// ---------------------------------------------------------------------------------------------------------------- Arrow

const SCHEMA = 1;
const BATCH = 3;
const TYPE = { int: 2, float: 3, struct: 13, list: 12, fixedList: 16 };

const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const numbers = (...values: number[]): Node => {
  const structs = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { structs, count: values.length / 2 };
};

function framed(flatbuffer: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(255, 255, 255, 255), new Uint8Array(Uint32Array.of(flatbuffer.length).buffer), flatbuffer);
}

const message = (type: number, header: Node, bodyLength = 0): Uint8Array =>
  framed(writeFlatbuffer({ table: [int16(4), int8(type), header, int64(bodyLength)] }));

const field = (name: string, type: number, parameters: Node, children: Node[] = []): Node => ({
  table: [{ text: name }, int8(0), int8(type), parameters, undefined, { nodes: children }],
});
const float = field("item", TYPE.float, { table: [int16(1)] });
const embedding = (dimension: number): Node => field("embedding", TYPE.fixedList, { table: [int32(dimension)] }, [float]);
const schema = (...fields: Node[]): Node => ({ table: [int16(0), { nodes: fields }] });

/** A batch of fixed-size lists; the last buffer holds the values. */
const batch = (count: number, values: number, at: number, length: number): Node => ({
  table: [int64(count), numbers(count, 0, values, 0), numbers(0, 0, 0, 0, at, length)],
});

const row = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** A schema of fields one within the other, each with `width` references to the same next one. */
function nested(depth: number, width: 1 | 2): Uint8Array {
  const words = (size: number, ...fields: [at: number, value: number, bytes: 1 | 2 | 4][]): Uint8Array => {
    const view = new DataView(new ArrayBuffer(size));
    for (const [at, value, bytes] of fields) {
      if (bytes === 1) view.setUint8(at, value);
      else if (bytes === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
    }
    return new Uint8Array(view.buffer);
  };
  const start = words(
    52,
    [0, 16, 4], [4, 10, 2], [6, 12, 2], [10, 8, 2], [12, 4, 2], // the message's vtable
    [16, 12, 4], [20, 16, 4], [24, SCHEMA, 1], // its header, and the header's type
    [28, 8, 2], [30, 8, 2], [34, 4, 2], [36, 8, 4], [40, 4, 4], [44, 1, 4], [48, 20, 4], // the schema: one field
  );
  const level = (last: boolean): Uint8Array =>
    words(
      40,
      [0, 16, 2], [2, 12, 2], [8, 8, 2], [14, 4, 2], // the field's vtable: its type's number and its children
      [16, 16, 4], [20, 8, 4], [24, TYPE.struct, 1],
      [28, last ? 0 : width, 4], [32, 24, 4], [36, 20, 4],
    );
  return framed(joined(start, ...Array.from({ length: depth }, (_, i) => level(i === depth - 1))));
}

describe("an Arrow file", () => {
  it("is read as these tests write it", async () => {
    const file = joined(message(SCHEMA, schema(embedding(2))), message(BATCH, batch(2, 4, 0, 16), 16), row(1, 2, 3, 4));
    expect(await failure(file)).toBe("read 2");
    expect(await failure(nested(64, 1))).toMatch(/unsupported-format: .*none of its columns/);
  });

  it("with a body of negative length is not read around and around", async () => {
    for (const back of [-1, -8, -100, -200, -(2 ** 40)]) {
      const first = message(SCHEMA, schema(embedding(2)), back);
      expect(await failure(first), `schema ${back}`).toMatch(/decode: .*makes no sense \(a length of -/);
      const rows = message(BATCH, batch(2, 4, 0, 16), back);
      const file = joined(message(SCHEMA, schema(embedding(2))), rows, row(1, 2, 3, 4));
      expect(await failure(file), `batch ${back}`).toMatch(/decode: .*makes no sense \(a length of -/);
    }
    const itself = (length: number): Uint8Array => message(SCHEMA, schema(embedding(2)), length);
    expect(await failure(itself(-itself(-1).length))).toMatch(/decode: /);
  });

  it("with lists or buffers of negative length, or lists of nothing, is refused", async () => {
    const of = (dimension: number, rows: Node, body = row(1, 2, 3, 4)): Uint8Array =>
      joined(message(SCHEMA, schema(embedding(dimension))), message(BATCH, rows, body.length), body);
    expect(await failure(of(-2, batch(2, 4, 0, 16)))).toMatch(/decode: .*"embedding" has a size of -2/);
    expect(await failure(of(2, batch(-2, 4, 0, 16)))).toMatch(/decode: .*a length of -2/);
    expect(await failure(of(2, batch(2, 4, -16, 16)))).toMatch(/decode: .*a length of -16/);
    expect(await failure(of(2, batch(2, 4, 0, -16)))).toMatch(/decode: .*a length of -16/);
    expect(await failure(of(2, batch(2 ** 33, 4, 0, 16)))).toMatch(/decode: .*has 8589934592 values/);
    expect(await failure(of(0, batch(2, 4, 0, 16)))).toMatch(/decode: .*have no values/);
    const list = field("embedding", TYPE.list, { table: [] }, [float]);
    const none = { table: [int64(9), numbers(9, 0, 0, 0), numbers(0, 0, 0, 40, 0, 0, 40, 0)] };
    const file = joined(message(SCHEMA, schema(list)), message(BATCH, none, 40), new Uint8Array(40));
    expect(await failure(file)).toMatch(/decode: .*have no values/);
  });

  it("whose fields share their children is not walked 2^depth times", async () => {
    for (const depth of [20, 40, 64]) expect(await failure(nested(depth, 2))).toMatch(/unsupported-format: .*more than 1000 fields/);
    for (const depth of [65, 10_000]) expect(await failure(nested(depth, 1))).toMatch(/unsupported-format: .*more than 64 fields one within/);
  });

  it("of too many fields, or of several schemas, is refused", async () => {
    const many = Array.from({ length: 999 }, (_, i) => field(`x${i}`, TYPE.int, { table: [int32(8)] }));
    expect(await failure(message(SCHEMA, schema(...many, float)))).toMatch(/none of its columns \(x0, x1.{100,300}\)/);
    expect(await failure(message(SCHEMA, schema(...many, float, float)))).toMatch(/more than 1000 fields/);
    const one = message(SCHEMA, schema(embedding(2)));
    expect(await failure(joined(one, one))).toMatch(/decode: .*message 1 is a second schema/);
    const long = field("x".repeat(20_000), TYPE.int, { table: [int32(8)] });
    expect(await failure(message(SCHEMA, schema(long)))).toMatch(/decode: .*a text of 20000 bytes/);
  });

  it("whose batches all use the same bytes does not grow", async () => {
    const values = new Float32Array(100_000).fill(1);
    const begin = message(SCHEMA, schema(embedding(2)));
    // Each claims the 400 kB behind all of them as its own: 0.8 GB in all.
    const [count, size] = [2_000, message(BATCH, batch(50_000, 100_000, 0, 400_000), 0).length];
    const batches = Array.from({ length: count }, (_, i) => message(BATCH, batch(50_000, 100_000, size * (count - 1 - i), 400_000), 0));
    expect(await failure(joined(begin, ...batches, new Uint8Array(values.buffer)))).toMatch(/decode: .*reaches to byte \d+ of a body of 0/);
    const beyond = message(BATCH, batch(2, 4, 0, 16), 1e15);
    expect(await failure(joined(begin, beyond, row(1, 2, 3, 4)))).toMatch(/decode: .*body of message 1 should reach/);
  });

  it("is refused where a batch has other numbers of ids and of embeddings, though in all they are as many", async () => {
    const id = field("id", TYPE.int, { table: [int32(64), int8(1)] });
    const part = (ids: number, rows: number): Uint8Array => {
      const body = joined(new Uint8Array(BigInt64Array.from({ length: ids }, (_, i) => BigInt(i + 10 * ids)).buffer), row(...Array<number>(2 * rows).fill(1)));
      const header: Node = { table: [int64(rows), numbers(ids, 0, rows, 0, 2 * rows, 0), numbers(0, 0, 0, 8 * ids, 0, 0, 0, 0, 8 * ids, 8 * rows)] };
      return joined(message(BATCH, header, body.length), body);
    };
    const begin = message(SCHEMA, schema(id, embedding(2)));
    expect(await failure(joined(begin, part(3, 3), part(1, 1)))).toBe("read 4");
    expect(await failure(joined(begin, part(3, 1), part(1, 3)))).toMatch(/decode: .*3 ids for the 1 embeddings from row 0 on/);
    expect(await failure(joined(begin, part(1, 1), part(2, 3), part(3, 2)))).toMatch(/decode: .*2 ids for the 3 embeddings from row 1 on/);
    expect(await failure(joined(begin, part(1, 1), part(2, 0), part(1, 3)))).toMatch(/decode: .*2 ids for the 0 embeddings from row 1 on/);
  });

  it("of a hundred thousand messages is read in a time that its bytes are worth", async () => {
    const none = message(BATCH, batch(0, 0, 0, 0));
    const other = framed(writeFlatbuffer({ table: [] }));
    for (const one of [none, other]) {
      const file = joined(message(SCHEMA, schema(embedding(2))), ...Array<Uint8Array>(100_000).fill(one));
      const begin = performance.now();
      expect(await failure(file, { signal: AbortSignal.timeout(60_000) })).toBe("read 0");
      expect(performance.now() - begin).toBeLessThan(1000 + file.length / 1000); // 1 s a MB
    }
  }, 60_000);

  it("with a message of a size that none has is not read into memory", async () => {
    const length = (1 << 24) + 8;
    const file = joined(Uint8Array.of(255, 255, 255, 255), new Uint8Array(Uint32Array.of(length).buffer), new Uint8Array(length));
    expect(await failure(file)).toMatch(/unsupported-format: .*has 16777224 bytes, and 16777216 are read/);
  });
});

// ----------------------------------------------------------------------------------------------------------------- .npy

function npy(dictionary: string, bytes: number): Uint8Array {
  const header = new TextEncoder().encode(dictionary);
  return joined(Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0), new Uint8Array(Uint32Array.of(header.length).buffer), header, new Uint8Array(new Float32Array(bytes / 4).fill(1).buffer));
}
const shaped = (shape: string, bytes: number): Uint8Array => npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }\n`, bytes);

describe("an .npy file", () => {
  it("of a shape that is not two whole numbers is refused", async () => {
    expect(await failure(shaped("2, 2", 16))).toBe("read 2");
    for (const shape of ["-2, -2", "-1, 4", "2, -2", "2e0, 2", "0x2, 2", "2., 2", "Infinity, 2", "+2, 2", "2, 2, 1", ""]) {
      expect(await failure(shaped(shape, 16)), shape).toMatch(/unsupported-format: .*its shape is \(/);
    }
    expect(await failure(shaped("2, 9007199254740992", 16))).toMatch(/unsupported-format: .*and 65536 are read/);
    expect(await failure(shaped("9007199254740992, 2", 16))).toMatch(/unsupported-format: .*and 16000000 are read/);
    expect((await failure(shaped("9, ".repeat(3_000), 16))).length).toBeLessThan(500);
  });

  it("of very long embeddings or headers is refused", async () => {
    expect(await failure(shaped("1, 65536", 4 * 65_536))).toBe("read 1");
    // A search would have room for 256 such: 1.3 GB.
    expect(await failure(shaped("1, 1000000", 4_000_000))).toMatch(/unsupported-format: .*have 1000000 values, and 65536/);
    expect(await failure(npy("'shape': (".repeat(6_000), 16))).toMatch(/decode: .*header claims 60000 bytes/);
  });
});

// ----------------------------------------------------------------------------------------------------------- our format

describe("a file of ours", () => {
  const changed = (change: (view: DataView) => void): Uint8Array => {
    const bytes = golden("ours.clip-vision");
    change(new DataView(bytes.buffer));
    return bytes;
  };
  it("that claims more than it has takes no memory for it", async () => {
    expect(await failure(sealed(golden("ours.clip-vision")))).toBe("read 5");
    const cases: [(view: DataView) => void, RegExp][] = [
      [(view) => view.setUint32(16, 65_536, true), /decode: .*by its header should have/],
      [(view) => view.setUint32(16, 2 ** 32 - 1, true), /unsupported-format: .*and 65536 are read/],
      [(view) => view.setUint32(20, 2 ** 32 - 1, true), /unsupported-format: .*and 16000000 are read/],
      [(view) => view.setBigUint64(24, 2n ** 64n - 1n, true), /decode: .*by its header should have/],
      [(view) => view.setBigUint64(24, 2n ** 33n, true), /decode: .*by its header should have/],
    ];
    for (const [change, what] of cases) expect(await failure(sealed(changed(change))), String(change)).toMatch(what);
  });

  it("with the scale of a row that was removed, or of none, is refused", async () => {
    for (const scale of [NaN, Infinity, 0, -1]) {
      const bytes = changed((view) => view.setFloat32(128, scale, true));
      expect(await failure(sealed(bytes))).toMatch(/decode: .*the scale of row 0 is/);
    }
  });
});

describe.each(["f32", "int8"] as const)("a file of ours with rows of %s", (precision) => {
  const DIMENSION = 6;
  const COUNT = 300; // more than are looked at in one go
  const values = Float32Array.from({ length: COUNT * DIMENSION }, (_, i) => Math.sin(i * i + 1) * 10 ** (i % 4));
  const saved = async (): Promise<Uint8Array> => {
    const embeddings = new Embeddings({ precision });
    await embeddings.addMany(Array.from({ length: COUNT }, (_, i) => i), values);
    const bytes = new Uint8Array(await (await embeddings.toBlob()).arrayBuffer());
    embeddings.close();
    return bytes;
  };
  const width = precision === "f32" ? 4 : 1;
  const at = (file: Uint8Array, row: number) => ({ row: file.length - (COUNT - row) * DIMENSION * width, scale: 64 * Math.ceil((64 + Number(new DataView(file.buffer).getBigUint64(24, true))) / 64) + 4 * row });

  it("is refused where a scale is not its row's, which would be found first by every search or by none", async () => {
    const file = await saved();
    expect(await failure(sealed(file.slice()))).toBe(`read ${COUNT}`);
    for (const row of [0, 1, 299]) {
      const scale = new DataView(file.buffer).getFloat32(at(file, row).scale, true);
      for (const wrong of [1e30, scale * 1.5, scale / 2, 1e-30]) {
        const changed = file.slice();
        new DataView(changed.buffer).setFloat32(at(file, row).scale, wrong, true);
        expect(await failure(sealed(changed)), `${wrong} of row ${row}`).toMatch(new RegExp(`decode: .*the scale of row ${row} is`));
      }
      const empty = file.slice().fill(0, at(file, row).row, at(file, row).row + DIMENSION * width);
      expect(await failure(sealed(empty))).toMatch(new RegExp(`decode: .*the scale of row ${row} is`));
    }
  });

  it("is refused where a row is not finite, or hardly more than nothing", async () => {
    const file = await saved();
    const { row, scale } = at(file, 7);
    for (const wrong of precision === "f32" ? [NaN, Infinity, -Infinity, 1e30] : [1]) {
      const changed = file.slice();
      const view = new DataView(changed.buffer);
      if (precision === "f32") view.setFloat32(row + 4, wrong, true);
      else {
        // One step, and a step of 1: its length is right, and rounding would allow for it.
        changed.fill(0, row, row + DIMENSION);
        view.setInt8(row, wrong);
        view.setFloat32(scale, 1, true);
      }
      expect(await failure(sealed(changed)), String(wrong)).toMatch(/decode: .*the scale of row 7 is/);
    }
  });

  it("is read where rounding is at its worst", async () => {
    const embeddings = new Embeddings({ precision });
    const long = Float32Array.from({ length: 3 * 65_536 }, (_, i) => (i % 65_536 === 0 ? 1 : i < 65_536 ? 0.502 / 127 : i < 131_072 ? 0.498 / 127 : 1e-20));
    await embeddings.addMany(["up", "down", "alone"], long);
    const blob = await embeddings.toBlob();
    embeddings.close();
    expect(await failure(new Uint8Array(await blob.arrayBuffer()))).toBe("read 3");
  });
});

// ------------------------------------------------------------------------------------------------------------ mutations

describe("mutations", () => {
  const formats: [string, string[]][] = [
    ["Arrow files", ["fixed.arrow", "list64.arrow", "ours.arrow"]],
    ["Arrow streams", ["stream.arrows"]],
    [".npy files", ["f2.npy", "f4.npy", "f8.npy"]],
    ["files of ours", ["ours.clip-vision"]],
  ];
  it.each(formats)("of %s end with an answer, within their time", async (_, names) => {
    const { outcomes, wrong } = await loadMutations({ connect, files: names.map(golden), count: 3_000, patience: PATIENCE });
    expect(wrong).toEqual([]);
    expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(["read", "decode", "unsupported-format"]));
  }, 60_000);

  for (const name of ["ours.clip-vision", "ours.npy", "ours.arrow", "list64.arrow"]) {
    it(`${name}: cut anywhere, or with any byte changed, it is an error with a code or still a collection`, async () => {
      const bytes = golden(name);
      const connection = connect();
      for (let at = 0; at < bytes.length; at += 1) {
        const cut = await outcomeOf(connection, bytes.subarray(0, at), PATIENCE);
        // The rows of an Arrow file end before its footer, which is not needed.
        const whole = name.endsWith(".arrow") ? ["read"] : [];
        expect(["decode", "unsupported-format", ...whole], `cut at ${at}`).toContain(cut);
        const changed = await outcomeOf(connection, bytes.map((byte, i) => (i === at ? byte ^ 0xff : byte)), PATIENCE);
        expect(["decode", "unsupported-format", "integrity", "read"], `byte ${at}`).toContain(changed);
      }
      connection.end(new Error("done"));
    }, 60_000);
  }
});

// ------------------------------------------------------------------------------------------------------- Node's threads

describe("a collection's thread", () => {
  const worker = (code: string): URL =>
    new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from "node:worker_threads"; ${code}`)}`);
  const dying = worker(`
    parentPort.on("message", ({ type, id }) => {
      if (type === "search") process.exit(3);
      parentPort.postMessage({ type: "done", id });
    });`);

  it("that never answers is left when the signal says so, and ends", async () => {
    const stuck = worker("parentPort.once('message', () => { for (;;); });");
    const begin = performance.now();
    const load = Embeddings.load(golden("f4.npy"), { worker: () => new Worker(stuck) as never, signal: AbortSignal.timeout(200) });
    await expect(load).rejects.toMatchObject({ name: "TimeoutError" });
    expect(performance.now() - begin).toBeLessThan(1200);
  });

  it("reads millions of embeddings while the page goes on", async () => {
    const file = shaped("2000000, 1", 8_000_000);
    let [last, longest] = [performance.now(), 0];
    const timer = setInterval(() => ([last, longest] = [performance.now(), Math.max(longest, performance.now() - last)]), 10);
    expect(await failure(file, { signal: AbortSignal.timeout(30_000) })).toBe("read 2000000");
    clearInterval(timer);
    expect(longest).toBeLessThan(1000);
  }, 40_000);

  it("that ends fails its calls, pending and later ones", async () => {
    const photos = new Embeddings({ worker: () => new Worker(dying) as never });
    await photos.add("a", Float32Array.of(1, 0));
    const message = expect.stringMatching(/^The collection's worker ended: the thread ended with exit code 3/);
    await expect(photos.search(Float32Array.of(1, 0))).rejects.toMatchObject({ code: "worker-crashed", message });
    await expect(photos.get("a")).rejects.toMatchObject({ code: "worker-crashed", message });
  });

  it("takes a File", async () => {
    const photos = await Embeddings.load(new File([golden("f4.npy") as BlobPart], "photos.npy"));
    expect(photos.size).toBe(5);
    photos.close();
  });
});
