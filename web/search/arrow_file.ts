/**
 * Arrow IPC files, which pyarrow, pandas, polars and DuckDB read and write: the columns `id` (texts, or 64-bit integers) and
 * `embedding` (a fixed-size list of f32).
 *
 * Read are files and streams, without compression; ids of any integer or text type, texts also by a dictionary; embeddings as lists of
 * 16-, 32- or 64-bit floats. Further columns are passed over.
 *
 * Written and read by hand, since a file may come from a stranger. The libraries trust it: Flechette 2.7, the smallest (16 kB
 * gzipped), took 12 s and 1.2 GB for a file of 2 kB of which one byte was changed, and at the next such file never came back.
 * Here every length is 0 or more and within what holds it, each message lies behind the one before, and the numbers of
 * `arrow_schema.ts` and {@link LONGEST_MESSAGE} are the limits; so time and memory grow with the bytes of the file, whatever
 * they say.
 */

import { aligned, joined } from "../shared/values.js";
import { columnsOf, metadataOf, planOf, TYPE, type Column, type Place, type Plan } from "./arrow_schema.js";
import type { Collection } from "./collection.js";
import { broken, checkedModel, floatsOf, rowsPerPiece, unsupported, type EmbeddingId, type FileReading, type RowsRead } from "./file.js";
import { int16, int32, int64, int8, Table, writeFlatbuffer, type Node } from "./flatbuffer.js";
import type { SavedWith } from "./protocol.js";

/** How a file begins; a stream begins with {@link CONTINUATION}. */
export const ARROW_MAGIC = Uint8Array.from("ARROW1", (letter) => letter.charCodeAt(0));
/** The schema's metadata by this key is the model that made the embeddings. */
const MODEL_KEY = "clip-vision.model";
/** Before each message. */
export const CONTINUATION = Uint8Array.of(255, 255, 255, 255);

// Numbers of Arrow's Schema.fbs and Message.fbs.
const V5 = 4;
const MESSAGE = { schema: 1, dictionary: 2, batch: 3 };
const SINGLE = 1;
const CODECS = ["LZ4", "ZSTD"];

/** Bytes of a message, without the rows: a batch of the most fields has less than a hundred thousand. */
const LONGEST_MESSAGE = 1 << 24;

// -------------------------------------------------------------------------------------------------------------- writing

type Bytes = Uint8Array<ArrayBuffer>;

/** The parts of a file with a collection, which has been compacted, and its rows' ids. */
export function* writeArrow(collection: Collection, { ids, model }: SavedWith): Generator<Bytes> {
  const { count, dimension } = collection;
  const integers = ids.every((id) => Number.isSafeInteger(id));
  const schema = schemaOf(dimension, integers, model);
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

function schemaOf(dimension: number, integers: boolean, model: string | undefined): Node {
  const field = (name: string, type: number, parameters: Node, children: Node[] = []): Node => ({
    table: [{ text: name }, int8(0), int8(type), parameters, undefined, { nodes: children }],
  });
  const id = integers
    ? field("id", TYPE.int, { table: [int32(64), int8(1)] })
    : field("id", TYPE.utf8, { table: [] });
  const item = field("item", TYPE.float, { table: [int16(SINGLE)] });
  const embedding = field("embedding", TYPE.fixedList, { table: [int32(dimension)] }, [item]);
  const metadata: Node[] = model === undefined ? [] : [{ table: [{ text: MODEL_KEY }, { text: model }] }];
  return { table: [int16(0), { nodes: [id, embedding] }, ...(metadata.length > 0 ? [{ nodes: metadata }] : [])] };
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

/** Two numbers of a batch: a node's length and nulls, or where in the body a buffer is and its length. */
type Pair = [number, number];

/** A column of a batch: its nodes and buffers, then those of its children. */
interface Part {
  column: Column;
  /** For errors. */
  name: string;
  nodes: (Pair | undefined)[];
  buffers: (Pair | undefined)[];
  read(buffer: Pair): Promise<Bytes>;
}

/** Where a message's body is. */
interface Body {
  file: FileReading;
  begin: number;
  bodyLength: number;
}

/** The rows of a file, a batch at a time. */
export async function* readArrow(file: FileReading): AsyncGenerator<RowsRead> {
  let at = (await file.read(0, 4, "the first message"))[0] === 255 ? 0 : 8;
  let plan: Plan | undefined;
  let batches = 0;
  const dictionary: EmbeddingId[] = [];
  for (let index = 0; ; index += 1) {
    if (at + 8 > file.size && plan) return; // a stream may end without saying so
    const prefix = await file.read(at, 8, `message ${index}`);
    if (prefix.subarray(0, 4).some((byte) => byte !== 255)) throw broken(`at byte ${at} a message should begin`);
    const length = new DataView(prefix.buffer).getUint32(4, true);
    if (length === 0) break;
    if (length > LONGEST_MESSAGE) throw unsupported(`message ${index} has ${length} bytes, and ${LONGEST_MESSAGE} are read`);
    const bytes = await file.read(at + 8, length, `message ${index}`);
    const begin = at + 8 + length;
    const { type, content, bodyLength } = parsed(index, begin, () => {
      const root = Table.root(bytes);
      return { type: root.number(1, 1), content: root.table(2) ?? root, bodyLength: root.length(3, 8) };
    });
    at = begin + bodyLength;
    if (at > file.size) throw broken(`it ends at byte ${file.size}, and the body of message ${index} should reach to ${at}`);
    if (type === MESSAGE.schema) {
      if (plan) throw broken(`message ${index} is a second schema`);
      plan = parsed(index, begin, () => planOf(columnsOf(content)));
      const model = parsed(index, begin, () => metadataOf(content, MODEL_KEY));
      if (model !== undefined) yield { dimension: 0, values: new Float32Array(), ids: undefined, model: checkedModel(model) };
    } else if (type === MESSAGE.dictionary) {
      if (!plan) throw broken("its first message is not a schema");
      const { id } = plan;
      const isOurs = id?.column.dictionary && parsed(index, begin, () => content.number(0, 8)) === id.column.dictionary.id;
      if (!id || !isOurs) continue;
      const { column } = id;
      const values: Column = { name: column.name, type: column.type, size: column.size, signed: column.signed, children: [] };
      const part = parsed(index, begin, () => {
        const batch = content.table(1);
        if (!batch) throw broken(`message ${index} is a dictionary without values`);
        return partOf(batch, { column: values, node: 0, buffer: 0 }, `the dictionary of column "${column.name}"`, { file, begin, bodyLength });
      });
      const isDelta = parsed(index, begin, () => content.number(2, 1)) === 1;
      if (!isDelta) dictionary.length = 0;
      for (const value of await readIds(part)) dictionary.push(value);
    } else if (type === MESSAGE.batch) {
      const columns = plan;
      if (!columns) throw broken("its first message is not a schema");
      const parts = parsed(index, begin, () => partsOf(content, columns, batches, { file, begin, bodyLength }));
      const ids = parts.id && (await readIds(parts.id, dictionary));
      yield { ...(await readLists(parts.embedding)), ids };
      batches += 1;
    }
  }
  if (!plan) throw broken("it has no schema");
}

function parsed<T>(index: number, at: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) throw broken(`message ${index} before byte ${at} makes no sense (${error.message})`, error);
    throw error;
  }
}

function partsOf(
  content: Table,
  plan: Plan,
  index: number,
  body: Body,
): { embedding: Part; id: Part | undefined } {
  const part = (place: Place): Part => partOf(content, place, `column "${place.column.name}" of batch ${index}`, body);
  return { embedding: part(plan.embedding), id: plan.id && part(plan.id) };
}

function partOf(content: Table, { column, node, buffer }: Place, name: string, { file, begin, bodyLength }: Body): Part {
  const compression = content.table(3);
  if (compression) {
    const codec = CODECS[compression.number(0, 1)] ?? "another codec";
    throw unsupported(`it is compressed by ${codec} (write it with compression=None)`);
  }
  return {
    column,
    name,
    nodes: [0, 1].map((i) => content.pair(1, node + i)),
    buffers: [0, 1, 2, 3].map((i) => content.pair(2, buffer + i)),
    read([at, length]) {
      if (at + length > bodyLength) throw broken(`${name} reaches to byte ${at + length} of a body of ${bodyLength}`);
      return file.read(begin + at, length, name);
    },
  };
}

/** How many values the column, or its child, has. */
function lengthOf(part: Part, at: 0 | 1): number {
  const node = part.nodes[at];
  if (!node) throw broken(`${part.name} is not there`);
  if (node[0] >= 2 ** 32) throw broken(`${part.name} has ${node[0]} values`);
  if (node[1] > 0) throw unsupported(`${node[1]} values of ${part.name} are null`);
  return node[0];
}

/** The bytes of a buffer from `from` up to `to`. */
async function bufferOf(part: Part, which: number, from: number, to: number): Promise<Bytes> {
  const [at, length] = part.buffers[which] ?? [0, 0];
  if (length < to) throw broken(`${part.name} has ${length} bytes in place of ${to}`);
  return part.read([at + from, to - from]);
}

async function readIds(part: Part, dictionary: readonly EmbeddingId[] = []): Promise<EmbeddingId[]> {
  const coded = part.column.dictionary;
  if (coded) {
    const places = await readIds({ ...part, column: coded.index });
    return places.map((place) => {
      const id = dictionary[Number(place)];
      if (id === undefined) throw broken(`${part.name} refers to value ${place} of a dictionary of ${dictionary.length}`);
      return id;
    });
  }
  const { type, size, signed } = part.column;
  const count = lengthOf(part, 0);
  if (type === TYPE.int) {
    const width = size / 8;
    const bytes = await bufferOf(part, 1, 0, count * width);
    const read = integerReader(new DataView(bytes.buffer), width, signed);
    const ids = Array.from({ length: count }, (_, i) => read(i * width));
    const large = ids.find((id) => !Number.isSafeInteger(id));
    if (large !== undefined) throw unsupported(`${part.name} holds ${large}, which JavaScript's numbers don't tell from its neighbors`);
    return ids;
  }
  const offsets = await offsetsOf(part, count, type === TYPE.largeUtf8);
  const text = await bufferOf(part, 2, 0, offsets[count] ?? 0);
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, i) => decoder.decode(text.subarray(offsets[i], offsets[i + 1])));
}

function integerReader(view: DataView, width: number, signed: boolean): (at: number) => number {
  if (width === 1) return (at) => (signed ? view.getInt8(at) : view.getUint8(at));
  if (width === 2) return (at) => (signed ? view.getInt16(at, true) : view.getUint16(at, true));
  if (width === 4) return (at) => (signed ? view.getInt32(at, true) : view.getUint32(at, true));
  return (at) => Number(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
}

async function offsetsOf(part: Part, count: number, large: boolean): Promise<number[]> {
  if (count === 0) return [0];
  const { buffer } = await bufferOf(part, 1, 0, (count + 1) * (large ? 8 : 4));
  const offsets = large ? Array.from(new BigInt64Array(buffer), Number) : Array.from(new Int32Array(buffer));
  if (offsets.some((offset, i) => offset < (offsets[i - 1] ?? 0))) throw broken(`the offsets of ${part.name} go back`);
  return offsets;
}

async function readLists(part: Part): Promise<{ dimension: number; values: Float32Array }> {
  const { type, size, children } = part.column;
  const count = lengthOf(part, 0);
  const width = children[0]?.size as 2 | 4 | 8;
  let [dimension, from] = [size, 0];
  if (type !== TYPE.fixedList) {
    const offsets = await offsetsOf(part, count, type === TYPE.largeList);
    from = offsets[0] as number;
    dimension = (offsets[1] ?? 0) - from;
    const odd = offsets.findIndex((offset, i) => offset !== from + i * dimension);
    if (odd > 0) throw unsupported(`the embeddings of ${part.name} have different lengths: row ${odd - 1} is not of ${dimension}`);
  }
  lengthOf(part, 1);
  if (count === 0) return { dimension, values: new Float32Array() };
  if (dimension === 0) throw broken(`the embeddings of ${part.name} have no values`);
  const which = type === TYPE.fixedList ? 2 : 3;
  const bytes = await bufferOf(part, which, from * width, (from + count * dimension) * width);
  return { dimension, values: floatsOf(bytes, width) };
}
