/**
 * The package's own file of embeddings: what a collection holds, to the bit, each part with a checksum. Little-endian:
 *
 *     0   8   89 43 56 45 0D 0A 1A 0A: nothing that text has, and what breaks line endings breaks it
 *     8   4   version, 1
 *     12  4   precision: 0 f32, 1 int8
 *     16  4   dimension
 *     20  4   number of embeddings
 *     24  8   length of the ids, in bytes
 *     32  4   CRC-32 (zlib's) of the ids
 *     36  4   … of the scales
 *     40  4   … of the rows
 *     44  4   … of the 44 bytes up to here
 *     48  4   length of the model's name, in bytes; 0 if it is not known
 *     52  4   CRC-32 of the name
 *     56  4   length of the notes on who made the embeddings, in bytes; 0 if there are none, as in what is written here
 *     60  4   CRC-32 of the notes
 *     64      the ids: a JSON array of strings and numbers, in UTF-8
 *             the name of the model that made the embeddings, in UTF-8
 *             then, each from the next multiple of 64 on,
 *             the scales: an f32 an embedding (what a step of an int8 row is worth; of f32 rows the inverse of the length)
 *             the rows
 *             the notes: JSON of the command line in Rust, with revision, precision and preprocessing
 */

import { ClipVisionError } from "../shared/errors.js";
import { aligned } from "../shared/values.js";
import type { Collection } from "./collection.js";
import type { SearchEngine } from "./engine.js";
import { broken, checkRows, checkedModel, rowsPerPiece, unsupported, type EmbeddingId, type FileReading } from "./file.js";
import type { SavedWith } from "./protocol.js";

/** How every such file begins. */
export const OWN_MAGIC = Uint8Array.of(0x89, 0x43, 0x56, 0x45, 0x0d, 0x0a, 0x1a, 0x0a);

const VERSION = 1;
const HEADER = 64;
const ALIGNMENT = 64;
const PRECISIONS = ["f32", "int8"] as const;

/** What the header says. */
export interface OwnHeader {
  precision: "f32" | "int8";
  dimension: number;
  count: number;
  idBytes: number;
  modelBytes: number;
  noteBytes: number;
  sums: { ids: number; model: number; scales: number; rows: number };
}

/** The parts of a file with a collection, which has been compacted, and its rows' ids. */
export function writeOwn(collection: Collection, { ids, model = "" }: SavedWith): Uint8Array<ArrayBuffer>[] {
  const { count, dimension, engine, rowBytes } = collection;
  const text = new TextEncoder().encode(JSON.stringify(ids));
  const name = new TextEncoder().encode(model);
  const scales = new Uint8Array(collection.scales.slice().buffer);
  const rows: Uint8Array<ArrayBuffer>[] = [];
  let sum = 0;
  const step = rowsPerPiece(rowBytes);
  for (let first = 0; first < count; first += step) {
    const bytes = collection.bytes(first, Math.min(step, count - first));
    sum = engine.crc32(sum, bytes.byteOffset, bytes.byteLength);
    rows.push(bytes.slice() as Uint8Array<ArrayBuffer>);
  }
  const header = new Uint8Array(HEADER);
  header.set(OWN_MAGIC);
  const view = new DataView(header.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, PRECISIONS.indexOf(collection.precision), true);
  view.setUint32(16, dimension, true);
  view.setUint32(20, count, true);
  view.setBigUint64(24, BigInt(text.length), true);
  view.setUint32(32, engine.crc32Of(text), true);
  view.setUint32(36, engine.crc32Of(scales), true);
  view.setUint32(40, sum, true);
  view.setUint32(44, engine.crc32Of(header.subarray(0, 44)), true);
  view.setUint32(48, name.length, true);
  view.setUint32(52, engine.crc32Of(name), true);
  return [header, text, name, padding(text.length + name.length), scales, padding(scales.length), ...rows];
}

const padding = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(aligned(length, ALIGNMENT) - length);

/** The header of a file, checked. */
export async function readOwnHeader(file: Pick<FileReading, "read">, engine: SearchEngine): Promise<OwnHeader> {
  const header = await file.read(0, HEADER, "the header");
  const view = new DataView(header.buffer);
  const version = view.getUint32(8, true);
  if (version !== VERSION) throw unsupported(`it is of version ${version}, of a later release; this one reads ${VERSION}`);
  checkSum("header", engine.crc32Of(header.subarray(0, 44)), view.getUint32(44, true));
  const precision = PRECISIONS[view.getUint32(12, true)];
  const [dimension, count] = [view.getUint32(16, true), view.getUint32(20, true)];
  if (precision === undefined || (dimension === 0 && count > 0)) throw broken("its header makes no sense");
  checkRows(count, dimension);
  return {
    precision,
    dimension,
    count,
    idBytes: Number(view.getBigUint64(24, true)),
    modelBytes: view.getUint32(48, true),
    noteBytes: view.getUint32(56, true),
    sums: { ids: view.getUint32(32, true), model: view.getUint32(52, true), scales: view.getUint32(36, true), rows: view.getUint32(40, true) },
  };
}

/** Where in a file each part is, and how many bytes it has. */
export interface OwnPlaces {
  ids: readonly [at: number, length: number];
  model: readonly [at: number, length: number];
  scales: readonly [at: number, length: number];
  rows: readonly [at: number, length: number];
  /** How long the file has to be. */
  end: number;
}

/** The parts of a file with this header. */
export function placesOf({ count, dimension, idBytes, modelBytes, noteBytes, precision }: OwnHeader): OwnPlaces {
  const scales = aligned(HEADER + idBytes + modelBytes, ALIGNMENT);
  const rows = aligned(scales + 4 * count, ALIGNMENT);
  const bytes = count * dimension * (precision === "f32" ? 4 : 1);
  return {
    ids: [HEADER, idBytes],
    model: [HEADER + idBytes, modelBytes],
    scales: [scales, 4 * count],
    rows: [rows, bytes],
    end: rows + bytes + noteBytes,
  };
}

/** Throws unless each is a number by which something can be scaled: NaN would mark a row as removed. */
export function checkScales(scales: Float32Array): void {
  const odd = scales.findIndex((scale) => !(scale > 0 && scale < Infinity));
  if (odd >= 0) throw broken(`the scale of row ${odd} is ${scales[odd]}`);
}

/** Reads a file into an empty collection of the same precision; the ids, and the model. */
export async function readOwn(file: FileReading, header: OwnHeader, collection: Collection): Promise<SavedWith> {
  const { count, dimension, modelBytes, sums } = header;
  const { engine } = collection;
  const places = placesOf(header);
  const { end, rows: [rowsAt] } = places;
  const rowBytes = dimension * (header.precision === "f32" ? 4 : 1);
  if (file.size !== end) throw broken(`it has ${file.size} bytes, and by its header should have ${end}`);

  if (count > 0) collection.expect(count, dimension);
  const text = await file.read(...places.ids, "the ids");
  checkSum("ids", engine.crc32Of(text), sums.ids);
  const name = await file.read(...places.model, "the name of the model");
  checkSum("name of the model", engine.crc32Of(name), sums.model);
  const scales = await file.read(...places.scales, "the scales");
  checkSum("scales", engine.crc32Of(scales), sums.scales);
  const all = new Float32Array(scales.buffer);
  checkScales(all);
  let [sum, misscaled] = [0, -1];
  const step = rowsPerPiece(rowBytes);
  for (let first = 0; first < count; first += step) {
    const part = Math.min(step, count - first);
    const bytes = await file.read(rowsAt + first * rowBytes, part * rowBytes, `rows ${first} to ${first + part}`);
    collection.appendStored(bytes, all.subarray(first, first + part), dimension);
    const stored = collection.bytes(first, part);
    sum = engine.crc32(sum, stored.byteOffset, stored.byteLength);
    if (misscaled < 0) misscaled = collection.findMisscaled(first, part);
  }
  checkSum("rows", sum, sums.rows);
  if (misscaled >= 0) throw broken(`the scale of row ${misscaled} is ${all[misscaled]}, which its values don't have`);
  return { ids: idsOf(text, count), ...(modelBytes > 0 && { model: modelOf(name) }) };
}

/** The name of the model, of its bytes. */
export function modelOf(name: Uint8Array): string {
  try {
    return checkedModel(new TextDecoder("utf-8", { fatal: true }).decode(name));
  } catch (cause) {
    throw cause instanceof ClipVisionError ? cause : broken("the name of its model is not UTF-8", cause);
  }
}

/** Throws `integrity` where a part has another checksum than was saved. */
export function checkSum(part: string, actual: number, expected: number): void {
  if (actual === expected) return;
  const hex = (sum: number): string => sum.toString(16).padStart(8, "0");
  const what = `its ${part} have the checksum ${hex(actual)}, not ${hex(expected)}: the file was changed or damaged`;
  throw new ClipVisionError("integrity", `The file of embeddings is not what was saved: ${what}`);
}

function idsOf(text: Uint8Array, count: number): EmbeddingId[] {
  let ids: unknown;
  try {
    ids = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (cause) {
    throw broken("its ids are not JSON", cause);
  }
  const isId = (id: unknown): boolean => typeof id === "string" || (typeof id === "number" && Number.isFinite(id));
  if (!Array.isArray(ids) || ids.length !== count || !ids.every(isId)) throw broken(`its ids are not ${count} strings or numbers`);
  return ids as EmbeddingId[];
}
