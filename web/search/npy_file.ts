/**
 * NumPy's `.npy`: a line of Python that describes the matrix, then its rows. Written as `<f4`; read as `<f2`, `<f4` or
 * `<f8`.
 */

import type { Collection } from "./collection.js";
import { broken, checkRows, floatsOf, rowsPerPiece, unsupported, type FileReading, type RowsRead } from "./file.js";

/** How every such file begins. */
export const NPY_MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** As NumPy itself has it (`max_header_size`). */
const LONGEST_HEADER = 10_000;

/** The parts of a file with a collection's rows. */
export function* writeNpy(collection: Collection): Generator<Uint8Array<ArrayBuffer>> {
  const { count, dimension } = collection;
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${dimension}), }`;
  const prefix = NPY_MAGIC.length + 4;
  const length = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
  const header = new Uint8Array(prefix + length);
  header.set([...NPY_MAGIC, 1, 0, length & 255, length >> 8]);
  header.set(new TextEncoder().encode(`${dictionary.padEnd(length - 1)}\n`), prefix);
  yield header;
  const step = rowsPerPiece(4 * dimension);
  for (let first = 0; first < count; first += step) {
    yield new Uint8Array(collection.readRows(first, Math.min(step, count - first)).buffer);
  }
}

/** The rows of a file. */
export async function* readNpy(file: FileReading): AsyncGenerator<RowsRead> {
  const start = await file.read(0, 12, "the header of the .npy file");
  const major = start[6] as number;
  if (major < 1 || major > 3) throw unsupported(`it is .npy of version ${major}; 1 to 3 are known`);
  const view = new DataView(start.buffer);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const begin = major === 1 ? 10 : 12;
  if (length > LONGEST_HEADER) throw broken(`the .npy header claims ${length} bytes`);
  const header = new TextDecoder("latin1").decode(await file.read(begin, length, "the header of the .npy file"));

  const type = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(header)?.[1];
  if (type === undefined || shape === undefined) throw broken(`its .npy header is ${header.trim().slice(0, 200)}`);
  const width = ({ "<f2": 2, "<f4": 4, "<f8": 8 } as const)[type as "<f4"];
  if (width === undefined) throw unsupported(`its values are of type ${type.slice(0, 20)}; <f4, <f2 and <f8 are read (array.astype("<f4"))`);
  if (/'fortran_order'\s*:\s*True/.test(header)) {
    throw unsupported("its matrix is stored by columns (numpy.ascontiguousarray stores it by rows)");
  }
  const sizes = shape.split(",").map((size) => size.trim()).filter((size) => size !== "");
  const [count, dimension] = sizes.map(Number) as [number, number];
  if (sizes.length !== 2 || !sizes.every((size) => /^\d+$/.test(size)) || (dimension < 1 && count > 0)) {
    throw unsupported(`its shape is (${shape.slice(0, 200)}), not (embeddings, values)`);
  }
  checkRows(count, dimension);

  const rows = begin + length;
  const rowBytes = dimension * width;
  const surplus = file.size - rows - count * rowBytes;
  if (surplus !== 0) throw broken(`its .npy header promises ${count * rowBytes} bytes of rows, and there are ${file.size - rows}`);
  const step = rowsPerPiece(rowBytes);
  for (let first = 0; first < count; first += step) {
    const part = Math.min(step, count - first);
    const bytes = await file.read(rows + first * rowBytes, part * rowBytes, `rows ${first} to ${first + part}`);
    yield { dimension, values: floatsOf(bytes, width), ids: undefined };
  }
}
