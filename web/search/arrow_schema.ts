/**
 * The schema of an Arrow file: its columns, and where in every batch those are that hold embeddings and ids.
 *
 * A schema may refer to one field from many places, so that some hundred bytes describe a tree of any size. What is read is
 * therefore counted: {@link MOST_FIELDS} in all, {@link DEEPEST} one within the other.
 */

import { broken, unsupported } from "./file.js";
import type { Table } from "./flatbuffer.js";

/** Fields of a schema, those within others included. */
const MOST_FIELDS = 1_000;

/** Fields one within the other. */
const DEEPEST = 64;

/** Bytes of the longest name. */
const LONGEST_NAME = 10_000;

/** Numbers of Arrow's Schema.fbs. */
export const TYPE = {
  none: 1, int: 2, float: 3, binary: 4, utf8: 5, bool: 6, decimal: 7, date: 8, time: 9, timestamp: 10, interval: 11,
  list: 12, struct: 13, union: 14, fixedBinary: 15, fixedList: 16, map: 17, duration: 18, largeBinary: 19, largeUtf8: 20,
  largeList: 21,
};
const FLOAT_WIDTHS = [2, 4, 8] as const;

/** How many buffers a column of a type has, without its children's. */
const BUFFERS: Readonly<Record<number, number>> = {
  [TYPE.none]: 0, [TYPE.int]: 2, [TYPE.float]: 2, [TYPE.bool]: 2, [TYPE.decimal]: 2, [TYPE.date]: 2, [TYPE.time]: 2,
  [TYPE.timestamp]: 2, [TYPE.interval]: 2, [TYPE.duration]: 2, [TYPE.fixedBinary]: 2, [TYPE.binary]: 3, [TYPE.utf8]: 3,
  [TYPE.largeBinary]: 3, [TYPE.largeUtf8]: 3, [TYPE.list]: 2, [TYPE.largeList]: 2, [TYPE.map]: 2, [TYPE.fixedList]: 1,
  [TYPE.struct]: 1,
};

/** A column of the schema. */
export interface Column {
  name: string;
  type: number;
  /** Bits of integers, width of floats, or length of a fixed-size list. */
  size: number;
  signed: boolean;
  children: Column[];
  /** Of a column that refers to a dictionary's values: which one, and by what integers. */
  dictionary?: { id: number; index: Column };
}

/** A column, and which of a batch's nodes and buffers is its first. */
export interface Place {
  column: Column;
  node: number;
  buffer: number;
}

/** What is read of every batch. */
export interface Plan {
  embedding: Place;
  id: Place | undefined;
}

/** The columns of a schema. What is no schema at all throws a RangeError. */
export function columnsOf(schema: Table): Column[] {
  let fields = 0;
  const columnOf = (field: Table, depth: number): Column => {
    fields += 1;
    if (fields > MOST_FIELDS) throw unsupported(`its schema has more than ${MOST_FIELDS} fields`);
    if (depth > DEEPEST) throw unsupported(`its schema has more than ${DEEPEST} fields one within the other`);
    const name = field.text(0, LONGEST_NAME);
    const type = field.number(2, 1);
    const parameters = field.table(3);
    const size = type === TYPE.float ? (FLOAT_WIDTHS[parameters?.number(0, 2) ?? 0] ?? 0) : (parameters?.number(0, 4) ?? 0);
    if (size < 0) throw broken(`its column "${name}" has a size of ${size}`);
    const signed = parameters?.number(1, 1) === 1;
    const dictionary = dictionaryOf(field.table(4), name);
    return { name, type, size, signed, children: Array.from(field.tables(5), (child) => columnOf(child, depth + 1)), ...(dictionary && { dictionary }) };
  };
  return Array.from(schema.tables(1), (field) => columnOf(field, 1));
}

function dictionaryOf(encoding: Table | undefined, name: string): Column["dictionary"] {
  if (!encoding) return undefined;
  const integers = encoding.table(1); // 32 bits where nothing is said
  const [size, signed] = integers ? [integers.number(0, 4), integers.number(1, 1) === 1] : [32, true];
  if (![8, 16, 32, 64].includes(size)) throw broken(`the dictionary of its column "${name}" is referred to by ${size} bits`);
  return { id: encoding.number(0, 8), index: { name, type: TYPE.int, size, signed, children: [] } };
}

/** What the schema's metadata has by a key. What is no schema at all throws a RangeError. */
export function metadataOf(schema: Table, key: string): string | undefined {
  let entries = 0;
  for (const entry of schema.tables(2)) {
    entries += 1;
    if (entries > MOST_FIELDS) throw unsupported(`its schema has more than ${MOST_FIELDS} entries of metadata`);
    if (entry.text(0, LONGEST_NAME) === key) return entry.text(1, LONGEST_NAME);
  }
  return undefined;
}

const isList = ({ type, children, dictionary }: Column): boolean =>
  !dictionary && [TYPE.list, TYPE.largeList, TYPE.fixedList].includes(type) && children[0]?.type === TYPE.float && children[0].size > 0;
const isId = ({ type, size, dictionary }: Column): boolean =>
  [TYPE.utf8, TYPE.largeUtf8].includes(type) || (!dictionary && type === TYPE.int && [8, 16, 32, 64].includes(size));

/** The one named as we do, or else the first of that kind. */
const choose = (columns: Column[], name: string, kind: (column: Column) => boolean): Column | undefined =>
  columns.find((column) => column.name === name && kind(column)) ?? columns.find(kind);

/** Chooses the columns that are read. */
export function planOf(columns: Column[]): Plan {
  const embedding = choose(columns, "embedding", isList);
  if (!embedding) {
    const names = columns.map(({ name }) => name).join(", ");
    throw unsupported(`none of its columns (${names.slice(0, 200)}) is a list of floats`);
  }
  const id = choose(columns, "id", isId);
  const last = Math.max(columns.indexOf(embedding), id ? columns.indexOf(id) : 0);
  const places = new Map<Column, Place>();
  const next = { node: 0, buffer: 0 };
  columns.slice(0, last + 1).forEach((column, i) => {
    places.set(column, { column, ...next });
    if (i < last) pass(column, next);
  });
  return { embedding: places.get(embedding) as Place, id: id && places.get(id) };
}

/** Moves past a column. */
function pass(column: Column, next: { node: number; buffer: number }): void {
  // Of a column with a dictionary a batch has the integers alone.
  const own = BUFFERS[column.dictionary ? TYPE.int : column.type];
  if (own === undefined) throw unsupported(`its column "${column.name}" is of a type that is not known here`);
  next.node += 1;
  next.buffer += own;
  for (const child of column.dictionary ? [] : column.children) pass(child, next);
}
