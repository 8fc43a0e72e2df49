/**
 * As much of FlatBuffers as the messages of Arrow files need: tables, vectors and strings, written and read by field
 * numbers.
 *
 * A table has a vtable: the places of its fields, 0 for one that is absent. Everything that is not a number is the distance
 * to where it is, forwards; so each thing is written first and then what it refers to.
 */

import { aligned } from "../shared/values.js";

/** A number of a table. */
export interface Scalar {
  size: 1 | 2 | 4 | 8;
  value: number;
}

/** What a table refers to. */
export type Node = { table: (Scalar | Node | undefined)[] } | { text: string } | { nodes: Node[] } | { structs: Uint8Array; count: number };

export const int8 = (value: number): Scalar => ({ size: 1, value });
export const int16 = (value: number): Scalar => ({ size: 2, value });
export const int32 = (value: number): Scalar => ({ size: 4, value });
export const int64 = (value: number): Scalar => ({ size: 8, value });

const isScalar = (field: Scalar | Node): field is Scalar => "size" in field;

/** A buffer whose root is this table, of a length that is a multiple of 8. */
export function writeFlatbuffer(root: Node): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(1024);
  let view = new DataView(bytes.buffer);
  let end = 0;

  const take = (length: number): number => {
    const at = end;
    end += length;
    if (end > bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(bytes);
      [bytes, view] = [larger, new DataView(larger.buffer)];
    }
    return at;
  };
  const align = (to: number): void => void take(aligned(end, to) - end);
  const refer = (from: number, node: Node): void => {
    const to = write(node); // first: it may replace the view
    view.setUint32(from, to - from, true);
  };

  const writeTable = (fields: (Scalar | Node | undefined)[]): number => {
    // Places within the table: after the distance to the vtable, each aligned to its size.
    let size = 4;
    const places = fields.map((field) => {
      if (field === undefined) return 0;
      const width = isScalar(field) ? field.size : 4;
      const place = aligned(size, width);
      size = place + width;
      return place;
    });
    const vtableSize = 4 + 2 * fields.length;
    take(aligned(end + vtableSize, 8) - end - vtableSize); // so that the table is aligned
    const vtable = take(vtableSize);
    view.setUint16(vtable, vtableSize, true);
    view.setUint16(vtable + 2, size, true);
    places.forEach((place, i) => view.setUint16(vtable + 4 + 2 * i, place, true));
    const table = take(size);
    view.setInt32(table, table - vtable, true);
    fields.forEach((field, i) => {
      const at = table + (places[i] as number);
      if (field === undefined) return;
      if (!isScalar(field)) refer(at, field);
      else if (field.size === 1) view.setInt8(at, field.value);
      else if (field.size === 2) view.setInt16(at, field.value, true);
      else if (field.size === 4) view.setInt32(at, field.value, true);
      else view.setBigInt64(at, BigInt(field.value), true);
    });
    return table;
  };

  const writeVector = (count: number, length: number, alignment: number): number => {
    take(aligned(end + 4, alignment) - 4 - end);
    const at = take(4 + length);
    view.setUint32(at, count, true);
    return at;
  };

  const write = (node: Node): number => {
    if ("table" in node) return writeTable(node.table);
    if ("text" in node) {
      const text = new TextEncoder().encode(node.text);
      const at = writeVector(text.length, text.length + 1, 4);
      bytes.set(text, at + 4);
      return at;
    }
    if ("structs" in node) {
      const at = writeVector(node.count, node.structs.length, 8);
      bytes.set(node.structs, at + 4);
      return at;
    }
    const at = writeVector(node.nodes.length, 4 * node.nodes.length, 4);
    node.nodes.forEach((child, i) => refer(at + 4 + 4 * i, child));
    return at;
  };

  refer(take(4), root);
  align(8);
  return bytes.slice(0, end);
}

/**
 * A table of a buffer. Reading outside of the buffer throws a RangeError, which the caller has to expect; so does a length
 * below 0, and a reference that leads nowhere. References only lead forwards, so none leads in a circle, but many may lead to
 * the same place: who follows them all has to count. Nothing is allocated by a number that the buffer claims.
 */
export class Table {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  /** The root of a buffer. */
  static root(bytes: Uint8Array): Table {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Table(view, view.getUint32(0, true));
  }

  #place(field: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    if (4 + 2 * field >= this.#view.getUint16(vtable, true)) return undefined;
    const place = this.#view.getUint16(vtable + 4 + 2 * field, true);
    return place === 0 ? undefined : this.#at + place;
  }

  #target(field: number): number | undefined {
    const place = this.#place(field);
    return place === undefined ? undefined : this.#follow(place);
  }

  #follow(place: number): number {
    const distance = this.#view.getUint32(place, true);
    if (distance === 0) throw new RangeError(`the reference at ${place} leads to itself`);
    return place + distance;
  }

  /** A number, or its default where it is absent. */
  number(field: number, size: 1 | 2 | 4 | 8, otherwise = 0): number {
    const place = this.#place(field);
    if (place === undefined) return otherwise;
    if (size === 1) return this.#view.getInt8(place);
    if (size === 2) return this.#view.getInt16(place, true);
    if (size === 4) return this.#view.getInt32(place, true);
    return Number(this.#view.getBigInt64(place, true));
  }

  /** A number that can't be below 0. */
  length(field: number, size: 4 | 8): number {
    return positive(this.number(field, size));
  }

  table(field: number): Table | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new Table(this.#view, at);
  }

  /** A text of `most` bytes at most; "" where it is absent. */
  text(field: number, most: number): string {
    const at = this.#target(field);
    if (at === undefined) return "";
    const length = this.#view.getUint32(at, true);
    if (length > most) throw new RangeError(`a text of ${length} bytes`);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at + 4, length));
  }

  /** The tables of a vector, one at a time. */
  *tables(field: number): Generator<Table> {
    const at = this.#target(field);
    if (at === undefined) return;
    const length = this.#view.getUint32(at, true);
    for (let i = 0; i < length; i += 1) yield new Table(this.#view, this.#follow(at + 4 + 4 * i));
  }

  /** An item of a vector of structs of two 64-bit numbers that can't be below 0; `undefined` beyond its end. */
  pair(field: number, index: number): [number, number] | undefined {
    const at = this.#target(field);
    if (at === undefined || index >= this.#view.getUint32(at, true)) return undefined;
    const number = (place: number): number => positive(Number(this.#view.getBigInt64(place, true)));
    const place = at + 4 + 16 * index;
    return [number(place), number(place + 8)];
  }
}

function positive(length: number): number {
  if (length < 0) throw new RangeError(`a length of ${length}`);
  return length;
}
