/** A collection that is searched on its server: what it finds, what it reads of the file, and what it says of one that is wrong. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Embeddings } from "clip-vision/search";
import { RemoteEmbeddings } from "clip-vision/search/remote";
import { IdPlaces } from "../../web/search/id_places.ts";
import { afterAll, describe, expect, it } from "vitest";

const [COUNT, DIMENSION] = [5000, 64];
/** Ids in which a list's own signs are, and one that is long. */
const IDS = Array.from({ length: COUNT }, (_, i) => (i % 7 === 0 ? `"a",[${i}]\\` : i % 7 === 1 ? i : `ü ${i}${"x".repeat(i === 4000 ? 5000 : 20)}`));

/** Numbers that look random, the same each time. */
function* noise(): Generator<number> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    yield state / 2 ** 31;
  }
}
const numbers = noise();
const values = (count: number): Float32Array => Float32Array.from({ length: count }, () => numbers.next().value as number);

async function fileOf(precision: "f32" | "int8"): Promise<Uint8Array<ArrayBuffer>> {
  const collection = new Embeddings({ precision, model: "owner/name" });
  await collection.addMany(IDS, values(COUNT * DIMENSION));
  const bytes = new Uint8Array(await (await collection.toBlob()).arrayBuffer());
  collection.close();
  return bytes;
}

/** A static host of one file, which says what was read of it. */
const asked: { from: number; bytes: number }[] = [];
const host = { file: new Uint8Array(), etag: '"1"', ranges: true };
const server = createServer((request, response) => {
  const [, from, to] = (host.ranges && /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")) || [];
  const [start, end] = from === undefined ? [0, host.file.length] : [Number(from), Math.min(Number(to) + 1, host.file.length)];
  asked.push({ from: start, bytes: end - start });
  response.writeHead(from === undefined ? 200 : 206, {
    etag: host.etag,
    "content-length": end - start,
    ...(from !== undefined && { "content-range": `bytes ${start}-${end - 1}/${host.file.length}` }),
  });
  response.end(host.file.subarray(start, end));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => void server.close());
const URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/photos.clip-vision`;

const serve = (file: Uint8Array<ArrayBuffer>, ranges = true): void => {
  Object.assign(host, { file, etag: '"1"', ranges });
  asked.length = 0;
};
const failure = (work: Promise<unknown>): Promise<string> => work.then(() => "fine", ({ code, message }) => `${code}: ${message}`);

describe.each(["f32", "int8"] as const)("a collection of %s on a server", (precision) => {
  it.each([true, false])("is found in as if it were loaded; with ranges: %s", async (ranges) => {
    serve(await fileOf(precision), ranges);
    const [remote, loaded] = [await RemoteEmbeddings.open(URL), await Embeddings.load(host.file)];
    expect(remote).toMatchObject({ size: COUNT, dimension: DIMENSION, model: "owner/name" });
    for (const k of [1, 20, COUNT]) {
      const query = values(DIMENSION);
      expect(await remote.search(query, k)).toEqual(await loaded.search(query, k));
      expect(await remote.search(query, k, { threshold: 0.2 })).toEqual(await loaded.search(query, k, { threshold: 0.2 }));
    }
    const queries = Array.from({ length: 4 }, () => values(DIMENSION));
    const together = await Promise.all(queries.map((query) => remote.search(query, 3)));
    expect(together).toEqual(await Promise.all(queries.map((query) => loaded.search(query, 3))));
    loaded.close();
  });
});

it("reads the rows once for a search, and of the ids what is near the matches'", async () => {
  serve(await fileOf("int8"));
  const remote = await RemoteEmbeddings.open(URL);
  const rows = COUNT * DIMENSION;
  const total = () => asked.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(total()).toBeLessThan(4 * COUNT + 1000); // the scales
  await remote.search(values(DIMENSION), COUNT); // which reads all ids
  const done: number[] = [];
  asked.length = 0;
  const [best] = await remote.search(values(DIMENSION), 1, { onProgress: (progress) => done.push(progress.done) });
  expect(IDS).toContain(best!.id);
  expect(asked.map(({ bytes }) => bytes).filter((bytes) => bytes === rows)).toHaveLength(1);
  expect(total() - rows).toBeLessThan(1024 * 60); // one group of ids of five
  expect(done.at(-1)).toBe(COUNT);
});

it("reads the ids of matches together: those side by side at once, others at the same time", async () => {
  const count = 100 * 1024;
  const reads: [number, number][] = [];
  let [now, most] = [0, 0];
  const list = new TextEncoder().encode(JSON.stringify(Array.from({ length: count }, (_, i) => `photo ${i}`)));
  const places = new IdPlaces([0, list.length], count);
  const read = async (at: number, length: number) => {
    reads.push([at, length]);
    most = Math.max(most, (now += 1));
    await new Promise((resolve) => setTimeout(resolve));
    now -= 1;
    return list.slice(at, at + length);
  };
  await places.of([count - 1], read);
  [reads.length, most] = [0, 0];
  const rows = [5, 1030, 2100, 20_000, 40_000, 60_000, 80_000, 100_000];
  expect([...(await places.of(rows, read))]).toEqual(rows.map((row) => [row, `photo ${row}`]));
  expect(reads).toHaveLength(6); // the first three groups are one piece
  expect(most).toBe(6);
});

it("says what is wrong: a file that changed or was damaged, another format, a query of another length, a cancel", async () => {
  const file = await fileOf("f32");
  serve(file);
  const remote = await RemoteEmbeddings.open(URL);
  expect(await failure(remote.search([1, 2]))).toMatch(/^invalid-argument: .*query of 2 values/);
  const loaded = await Embeddings.load(file);
  const wrong = [new Float32Array(DIMENSION), values(DIMENSION).fill(NaN, 3, 4), { embedding: values(DIMENSION), model: "another/model" }, ["a"], Promise.resolve()];
  for (const query of wrong) {
    const why = await failure(remote.search(query as never));
    expect(why).toMatch(/^invalid-argument/);
    expect(await failure(loaded.search(query as never))).toBe(why);
  }
  for (const threshold of [NaN, "0.2"]) expect(await failure(remote.search(values(DIMENSION), 1, { threshold: threshold as never }))).toMatch(/threshold must be a number/);
  for (const name of ["filter", "relevance"]) {
    expect(await failure(remote.search(values(DIMENSION), 1, { [name]: () => true } as never))).toMatch(/^invalid-argument: .*load it/);
  }
  const same = { embedding: values(DIMENSION), model: "owner/name" };
  expect(await remote.search(same, 3)).toEqual(await loaded.search(same, 3));
  loaded.close();
  const reason = new Error("no longer");
  await expect(remote.search(values(DIMENSION), 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  host.etag = '"2"';
  expect(await failure(remote.search(values(DIMENSION)))).toMatch(/^fetch: .*changed on the server/);
  host.etag = '"1"';
  host.file = file.map((byte, at) => (at === file.length - 7 ? byte ^ 1 : byte));
  expect(await failure(remote.search(values(DIMENSION)))).toMatch(/^integrity: .*rows have the checksum/);
  const cut = file.slice(0, -1);
  serve(cut);
  expect(await failure(RemoteEmbeddings.open(URL))).toMatch(/^decode: .*by its header should have/);
  serve(file.map((byte, at) => (at === 20 ? byte ^ 1 : byte)));
  expect(await failure(RemoteEmbeddings.open(URL))).toMatch(/^integrity: .*header/);
  serve(new TextEncoder().encode("\x93NUMPY and more than that"));
  expect(await failure(RemoteEmbeddings.open(URL))).toMatch(/^unsupported-format: .*own format/);
});
