/** The golden files, read for comparison. */

import { readFileSync, readdirSync } from "node:fs";

export { cosine } from "../bench/lib/statistics.mjs";

const folder = new URL("../golden/", import.meta.url);
const read = (file: string): Buffer => readFileSync(new URL(file, folder));

export interface GoldenImage {
  file: string;
  width: number;
  height: number;
  lossy: boolean;
  alpha: boolean;
}

export const images = (JSON.parse(read("images.json").toString()) as { images: GoldenImage[] }).images;
/** Those that are not opaque and lossless; but of a GIF browsers themselves don't keep the color of what is transparent. */
export const translucentImages = images.filter(({ file, alpha, lossy }) => alpha && !lossy && !file.endsWith(".gif"));
export const models = readdirSync(new URL("models/", folder)).sort();

export interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A safetensors file, taken apart: changed and put together again it makes a file that is wrong in one place. */
export class Safetensors {
  readonly entries: Map<string, TensorEntry>;
  readonly data: Buffer;

  constructor(file: Buffer) {
    const headerLength = Number(file.readBigUInt64LE());
    const header = JSON.parse(file.subarray(8, 8 + headerLength).toString()) as Record<string, TensorEntry>;
    delete header["__metadata__"];
    this.entries = new Map(Object.entries(header));
    this.data = file.subarray(8 + headerLength);
  }

  /** The values of an F32 tensor. */
  values(name: string): Float32Array | undefined {
    const bytes = this.#bytes(name, "F32");
    return bytes && new Float32Array(new Uint8Array(bytes).buffer);
  }

  /** The embedding of a photo: where it is transparent, of the photo over white. */
  embedding(file: string): Float32Array | undefined {
    return this.values(`embedding_white/${file}`) ?? this.values(`embedding/${file}`);
  }

  /** The content of a U8 tensor: a file, for one. */
  bytes(name: string): Buffer | undefined {
    return this.#bytes(name, "U8");
  }

  #bytes(name: string, dtype: string): Buffer | undefined {
    const entry = this.entries.get(name);
    if (entry && entry.dtype !== dtype) throw new Error(`${name} is ${entry.dtype}`);
    return entry && this.data.subarray(...entry.data_offsets);
  }

  /** The whole file. */
  toBytes(): Buffer {
    return safetensors(Object.fromEntries(this.entries), this.data);
  }
}

/** A safetensors file of its parts. */
export function safetensors(entries: Record<string, TensorEntry>, data: Uint8Array): Buffer {
  const header = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.byteLength));
  return Buffer.concat([length, header, data]);
}

/** What Python computed with a model. */
export const expected = (model: string): Safetensors => new Safetensors(read(`expected/${model}.safetensors`));

/** A file of a golden model. */
export const modelFile = (model: string, file: string): Buffer => read(`models/${model}/${file}`);

/** A photo's file. */
export const imageFile = (file: string): Buffer => read(`images/${file}`);

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  }
  return most;
}
