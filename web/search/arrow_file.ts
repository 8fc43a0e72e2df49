/**
 * Arrow IPC files, which pyarrow, pandas, polars and DuckDB read and write: the columns `id` (texts, or 64-bit integers) and
 * `embedding` (a fixed-size list of f32). Written and read by hand: of the format, two columns are a few hundred lines,
 * where the `apache-arrow` package would be many times the size of everything else in here.
 *
 * Read are files and streams, without compression and dictionaries; ids of any integer or text type; embeddings as lists of
 * 16-, 32- or 64-bit floats. Further columns are passed over.
 */

import type { ClipVisionError } from "../shared/errors.js";
import { aligned, joined } from "../shared/values.js";
import type { Collection } from "./collection.js";
import { broken, floatsOf, rowsPerPiece, unsupported, type EmbeddingId, type FileReading, type RowsRead } from "./file.js";
import { int16, int32, int64, int8, Table, writeFlatbuffer, type Node } from "./flatbuffer.js";

/** How a file begins; a stream begins with {@link CONTINUATION}. */
export const ARROW_MAGIC = Uint8Array.from("ARROW1", (letter) => letter.charCodeAt(0));
/** Before each message. */
export const CONTINUATION = Uint8Array.of(255, 255, 255, 255);

// Numbers of Arrow's Schema.fbs and Message.fbs.
const V5 = 4;
const MESSAGE = { schema: 1, dictionary: 2, batch: 3 };
const TYPE = {
  none: 1, int: 2, float: 3, binary: 4, utf8: 5, bool: 6, decimal: 7, date: 8, time: 9, timestamp: 10, interval: 11,
  list: 12, struct: 13, union: 14, fixedBinary: 15, fixedList: 16, map: 17, duration: 18, largeBinary: 19, largeUtf8: 20,
  largeList: 21,
};
const FLOAT_WIDTHS = [2, 4, 8] as const;
const SINGLE = 1;
const CODECS = ["LZ4", "ZSTD"];

// -------------------------------------------------------------------------------------------------------------- writing

type Bytes = Uint8Array<ArrayBuffer>;

/** The parts of a file with a collection, which has been compacted, and its rows' ids. */
export function* writeArrow(collection: Collection, ids: readonly EmbeddingId[]): Generator<Bytes> {
  const { count, dimension } = collection;
  const integers = ids.every((id) => Number.isSafeInteger(id));
  const schema = schemaOf(dimension, integers);
  const blocks: { at: number; message: number; body: number }[] = [];
  let at = 8;
  yield padded([ARROW_MAGIC], 8);
  const first = message(MESSAGE.schema, schema, 0);
  at += first.length;
  yield first;
  const step = rowsPerPiece(4 * dimension);
  for (let row = 0; row < count; row += step) {
    const part = Math.min(step, count - row);
    const { header, body } = batchOf(ids.slice(row, row + part), integers, collection.readRows(row, part));
    blocks.push({ at, message: header.length, body: body.length });
    at += header.length + body.length;
    yield header;
    yield body;
  }
  yield padded([CONTINUATION], 8); // a message of no length: the end
  const structs = new DataView(new ArrayBuffer(24 * blocks.length));
  blocks.forEach((block, i) => {
    structs.setBigInt64(24 * i, BigInt(block.at), true);
    structs.setInt32(24 * i + 8, block.message, true);
    structs.setBigInt64(24 * i + 16, BigInt(block.body), true);
  });
  const batches: Node = { structs: new Uint8Array(structs.buffer), count: blocks.length };
  const footer = writeFlatbuffer({ table: [int16(V5), schema, undefined, batches] });
  yield footer;
  yield join([littleEndian(footer.length), ARROW_MAGIC]);
}

function schemaOf(dimension: number, integers: boolean): Node {
  const field = (name: string, type: number, parameters: Node, children: Node[] = []): Node => ({
    table: [{ text: name }, int8(0), int8(type), parameters, undefined, { nodes: children }],
  });
  const id = integers
    ? field("id", TYPE.int, { table: [int32(64), int8(1)] })
    : field("id", TYPE.utf8, { table: [] });
  const item = field("item", TYPE.float, { table: [int16(SINGLE)] });
  const embedding = field("embedding", TYPE.fixedList, { table: [int32(dimension)] }, [item]);
  return { table: [int16(0), { nodes: [id, embedding] }] };
}

function batchOf(ids: readonly EmbeddingId[], integers: boolean, values: Float32Array<ArrayBuffer>): { header: Bytes; body: Bytes } {
  // Of each column the bitmap of what is there, empty since all is; then its values.
  const none = new Uint8Array();
  const buffers = [none, ...(integers ? [int64s(ids)] : texts(ids.map(String))), none, none, new Uint8Array(values.buffer)];
  const places = new BigInt64Array(2 * buffers.length);
  let at = 0;
  buffers.forEach((buffer, i) => {
    places.set([BigInt(at), BigInt(buffer.length)], 2 * i);
    at += aligned(buffer.length, 8);
  });
  const nodes = BigInt64Array.of(BigInt(ids.length), 0n, BigInt(ids.length), 0n, BigInt(values.length), 0n);
  const structs = (numbers: BigInt64Array): Node => ({ structs: new Uint8Array(numbers.buffer), count: numbers.length / 2 });
  const batch: Node = { table: [int64(ids.length), structs(nodes), structs(places)] };
  return { header: message(MESSAGE.batch, batch, at), body: join(buffers.map((buffer) => padded([buffer], aligned(buffer.length, 8)))) };
}

function message(type: number, header: Node, bodyLength: number): Bytes {
  const bytes = writeFlatbuffer({ table: [int16(V5), int8(type), header, int64(bodyLength)] });
  return join([CONTINUATION, littleEndian(bytes.length), bytes]);
}

const int64s = (ids: readonly EmbeddingId[]): Bytes =>
  new Uint8Array(BigInt64Array.from(ids, (id) => BigInt(id)).buffer);

function texts(ids: readonly string[]): [offsets: Bytes, text: Bytes] {
  const encoder = new TextEncoder();
  const encoded = ids.map((id) => encoder.encode(id));
  const offsets = new Int32Array(ids.length + 1);
  encoded.forEach((text, i) => (offsets[i + 1] = (offsets[i] as number) + text.length));
  return [new Uint8Array(offsets.buffer), join(encoded)];
}

const littleEndian = (value: number): Bytes => new Uint8Array(Uint32Array.of(value).buffer);

const join = (parts: readonly Uint8Array[]): Bytes => joined(parts, (length) => new Uint8Array(length));

const padded = (parts: readonly Uint8Array[], length: number): Bytes => joined(parts, () => new Uint8Array(length));

// -------------------------------------------------------------------------------------------------------------- reading

/** A column of the schema. */
interface Column {
  name: string;
  type: number;
  /** Bits of integers, width of floats, or length of a fixed-size list. */
  size: number;
  signed: boolean;
  children: Column[];
}

/** A batch's nodes and buffers, taken in the schema's order. */
interface Batch {
  nodes: [length: number, nulls: number][];
  buffers: [at: number, length: number][];
  read(buffer: [number, number], what: string): Promise<Bytes>;
}

/** The rows of a file, a batch at a time. */
export async function* readArrow(file: FileReading): AsyncGenerator<RowsRead> {
  let at = (await file.read(0, 4, "the first message"))[0] === 255 ? 0 : 8;
  let columns: Column[] | undefined;
  let batches = 0;
  for (let index = 0; ; index += 1) {
    if (at + 8 > file.size && columns) return; // a stream may end without saying so
    const prefix = await file.read(at, 8, `message ${index}`);
    if (prefix.subarray(0, 4).some((byte) => byte !== 255)) throw broken(`at byte ${at} a message should begin`);
    const length = new DataView(prefix.buffer).getUint32(4, true);
    if (length === 0) break;
    const bytes = await file.read(at + 8, length, `message ${index}`);
    const body = at + 8 + length;
    const header = parsed(index, at, () => {
      const root = Table.root(bytes);
      return { type: root.number(1, 1), content: root.table(2) ?? root, bodyLength: root.number(3, 8) };
    });
    at = body + header.bodyLength;
    if (header.type === MESSAGE.schema) columns = parsed(index, body, () => header.content.tables(1).map(columnOf));
    else if (header.type === MESSAGE.dictionary) throw unsupported("it has dictionaries (write its columns without)");
    else if (header.type === MESSAGE.batch) {
      if (!columns) throw broken("its first message is not a schema");
      const batch = parsed(index, body, () => batchFrom(header.content, file, body));
      yield await rowsOfBatch(columns, batch, batches);
      batches += 1;
    }
  }
  if (!columns) throw broken("it has no schema");
}

function parsed<T>(index: number, at: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) throw broken(`message ${index} before byte ${at} makes no sense (${error.message})`, error);
    throw error;
  }
}

function columnOf(field: Table): Column {
  const type = field.number(2, 1);
  const parameters = field.table(3);
  if (field.table(4)) throw unsupported(`its column "${field.text(0)}" has a dictionary (write it without)`);
  const size = type === TYPE.float ? (FLOAT_WIDTHS[parameters?.number(0, 2) ?? 0] ?? 0) : (parameters?.number(0, 4) ?? 0);
  const signed = parameters?.number(1, 1) === 1;
  return { name: field.text(0), type, size, signed, children: field.tables(5).map(columnOf) };
}

function batchFrom(content: Table, file: FileReading, body: number): Batch {
  const compression = content.table(3);
  if (compression) {
    const codec = CODECS[compression.number(0, 1)] ?? "another codec";
    throw unsupported(`it is compressed by ${codec} (write it with compression=None)`);
  }
  return {
    nodes: content.pairs(1),
    buffers: content.pairs(2),
    read: ([at, length], what) => file.read(body + at, length, what),
  };
}

const isList = ({ type, children }: Column): boolean =>
  [TYPE.list, TYPE.largeList, TYPE.fixedList].includes(type) && children[0]?.type === TYPE.float && children[0].size > 0;
const isId = ({ type, size }: Column): boolean =>
  [TYPE.utf8, TYPE.largeUtf8].includes(type) || (type === TYPE.int && [8, 16, 32, 64].includes(size));

/** The one named as we do, or else the first of that kind. */
const choose = (columns: Column[], name: string, kind: (column: Column) => boolean): Column | undefined =>
  columns.find((column) => column.name === name && kind(column)) ?? columns.find(kind);

async function rowsOfBatch(columns: Column[], batch: Batch, index: number): Promise<RowsRead> {
  const embedding = choose(columns, "embedding", isList);
  if (!embedding) {
    const names = columns.map(({ name }) => name).join(", ");
    throw unsupported(`none of its columns (${names}) is a list of floats`);
  }
  const id = choose(columns, "id", isId);
  let ids: EmbeddingId[] | undefined;
  let rows: { dimension: number; values: Float32Array } | undefined;
  const cursor = { node: 0, buffer: 0 };
  for (const column of columns) {
    if (column === id) ids = await readIds(column, batch, { ...cursor }, index);
    if (column === embedding) rows = await readLists(column, batch, { ...cursor }, index);
    if (ids && rows) break;
    if (!id && rows) break;
    pass(column, cursor);
  }
  if (!rows) throw broken(`batch ${index} lacks its embeddings`);
  return { ...rows, ids };
}

interface Cursor {
  node: number;
  buffer: number;
}

/** Moves past a column. */
function pass(column: Column, cursor: Cursor): void {
  const buffers: Record<number, number> = {
    [TYPE.none]: 0, [TYPE.int]: 2, [TYPE.float]: 2, [TYPE.bool]: 2, [TYPE.decimal]: 2, [TYPE.date]: 2, [TYPE.time]: 2,
    [TYPE.timestamp]: 2, [TYPE.interval]: 2, [TYPE.duration]: 2, [TYPE.fixedBinary]: 2, [TYPE.binary]: 3, [TYPE.utf8]: 3,
    [TYPE.largeBinary]: 3, [TYPE.largeUtf8]: 3, [TYPE.list]: 2, [TYPE.largeList]: 2, [TYPE.map]: 2, [TYPE.fixedList]: 1,
    [TYPE.struct]: 1,
  };
  const own = buffers[column.type];
  if (own === undefined) throw unsupported(`its column "${column.name}" is of a type that is not known here`);
  cursor.node += 1;
  cursor.buffer += own;
  for (const child of column.children) pass(child, cursor);
}

const wants = (column: Column, index: number): string => `column "${column.name}" of batch ${index}`;

function nodeOf(batch: Batch, cursor: Cursor, column: Column, index: number): number {
  const node = batch.nodes[cursor.node];
  if (!node) throw broken(`${wants(column, index)} is not there`);
  if (!(node[0] >= 0 && node[0] < 2 ** 32)) throw broken(`${wants(column, index)} has ${node[0]} values`);
  if (node[1] > 0) throw unsupported(`${node[1]} values of ${wants(column, index)} are null`);
  return node[0];
}

async function bufferOf(batch: Batch, at: number, column: Column, index: number, least: number): Promise<Bytes> {
  const buffer = batch.buffers[at];
  if (!buffer || buffer[1] < least) throw tooShort(column, index, buffer?.[1] ?? 0, least);
  return batch.read(buffer, wants(column, index));
}

const tooShort = (column: Column, index: number, length: number, least: number): ClipVisionError =>
  broken(`${wants(column, index)} has ${length} bytes in place of ${least}`);

async function readIds(column: Column, batch: Batch, cursor: Cursor, index: number): Promise<EmbeddingId[]> {
  const count = nodeOf(batch, cursor, column, index);
  if (column.type === TYPE.int) {
    const width = column.size / 8;
    const bytes = await bufferOf(batch, cursor.buffer + 1, column, index, count * width);
    const read = integerReader(new DataView(bytes.buffer), width, column.signed);
    const ids = Array.from({ length: count }, (_, i) => read(i * width));
    const large = ids.find((id) => !Number.isSafeInteger(id));
    if (large !== undefined) throw unsupported(`${wants(column, index)} holds ${large}, which JavaScript's numbers don't tell from its neighbors`);
    return ids;
  }
  const large = column.type === TYPE.largeUtf8;
  const offsets = await offsetsOf(batch, cursor.buffer + 1, column, index, count, large);
  const text = await bufferOf(batch, cursor.buffer + 2, column, index, offsets[count] ?? 0);
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, i) => decoder.decode(text.subarray(offsets[i], offsets[i + 1])));
}

function integerReader(view: DataView, width: number, signed: boolean): (at: number) => number {
  if (width === 1) return (at) => (signed ? view.getInt8(at) : view.getUint8(at));
  if (width === 2) return (at) => (signed ? view.getInt16(at, true) : view.getUint16(at, true));
  if (width === 4) return (at) => (signed ? view.getInt32(at, true) : view.getUint32(at, true));
  return (at) => Number(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
}

async function offsetsOf(batch: Batch, at: number, column: Column, index: number, count: number, large: boolean): Promise<number[]> {
  if (count === 0) return [0];
  const bytes = await bufferOf(batch, at, column, index, (count + 1) * (large ? 8 : 4));
  const offsets = large
    ? Array.from(new BigInt64Array(bytes.buffer, 0, count + 1), Number)
    : Array.from(new Int32Array(bytes.buffer, 0, count + 1));
  if (offsets.some((offset, i) => offset < (offsets[i - 1] ?? 0))) throw broken(`the offsets of ${wants(column, index)} go back`);
  return offsets;
}

async function readLists(column: Column, batch: Batch, cursor: Cursor, index: number): Promise<{ dimension: number; values: Float32Array }> {
  const count = nodeOf(batch, cursor, column, index);
  const item = column.children[0] as Column;
  const width = item.size as 2 | 4 | 8;
  const fixed = column.type === TYPE.fixedList;
  let [dimension, from] = [column.size, 0];
  if (!fixed) {
    const offsets = await offsetsOf(batch, cursor.buffer + 1, column, index, count, column.type === TYPE.largeList);
    from = offsets[0] as number;
    dimension = (offsets[1] ?? 0) - from;
    const odd = offsets.findIndex((offset, i) => offset !== from + i * dimension);
    if (odd > 0) throw unsupported(`the embeddings of ${wants(column, index)} have different lengths: row ${odd - 1} is not of ${dimension}`);
  }
  nodeOf(batch, { ...cursor, node: cursor.node + 1 }, item, index);
  if (count === 0) return { dimension, values: new Float32Array() };
  const bytes = await bufferOf(batch, cursor.buffer + (fixed ? 2 : 3), column, index, (from + count * dimension) * width);
  return { dimension, values: floatsOf(bytes.slice(from * width, (from + count * dimension) * width), width) };
}
