/** The collection as a file, for other programs and devices, and files of others: of the command line's `index`, say. */

import { type CollectionFormat, Embeddings } from "clip-vision/search";
import type { Embedded } from "../library/types.ts";
import { library, photoOf, show } from "./library.ts";
import { collection, embedded, modelName, space } from "./model.ts";

export const FORMATS: Record<CollectionFormat, string> = { "clip-vision": "photos.clip-vision", arrow: "photos.arrow", npy: "photos.npy" };

/** Ids of the exported file: folder and name, with a number where that is not unique. */
function namesOf(seqs: readonly number[]): string[] {
  const taken = new Map<string, number>();
  return seqs.map((seq) => {
    const { folder, name } = photoOf(seq) ?? { name: String(seq) };
    const path = folder ? `${folder}/${name}` : name;
    const count = (taken.get(path) ?? 0) + 1;
    taken.set(path, count);
    return count === 1 ? path : path.replace(/(\.\w+)?$/, ` (${count})$1`);
  });
}

/** A file of all embeddings, by the photos' names. NumPy's format has no names: they come beside it, as the command line writes them. */
export async function exported(format: CollectionFormat): Promise<{ blob: Blob; names: string[] }> {
  const rows = collection.value as Embeddings<number>;
  const seqs = rows.ids();
  const names = namesOf(seqs);
  const copy = new Embeddings<string>({ model: modelName() });
  try {
    await copy.addMany(names, await rows.getMany(seqs));
    return { blob: await copy.toBlob(format), names };
  } finally {
    copy.close();
  }
}

export class OtherModel extends Error {
  constructor(readonly model: string, readonly rows: Embeddings<string>) {
    super(model);
  }
}

/** Opens a collection: its photos can be found, though they are not here. Of another model it is refused, unless `anyway`. */
export async function imported(file: Blob): Promise<number> {
  const rows = (await Embeddings.load<string | number>(file)) as Embeddings<string>;
  if (rows.model !== undefined && rows.model !== modelName()) throw new OtherModel(rows.model, rows);
  return addRows(rows);
}

export async function addRows(rows: Embeddings<string>): Promise<number> {
  const own = collection.value as Embeddings<number>;
  try {
    if (own.dimension && rows.dimension !== own.dimension) throw new RangeError(`${rows.dimension} / ${own.dimension}`);
    const ids = rows.ids();
    let count = 0;
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const part = ids.slice(from, from + AT_ONCE);
      count += await addPart(own, part, await rows.getMany(part));
    }
    return count;
  } finally {
    rows.close();
  }
}

/** So many at a time, so that the page is not busy long. */
const AT_ONCE = 1000;

async function addPart(own: Embeddings<number>, ids: readonly string[], values: Float32Array): Promise<number> {
  const entries = ids.map(entryOf);
  const width = values.length / ids.length;
  const photos = await library.addEmbedded(space(), entries, values);
  const fresh = new Map(photos.map(({ hash, seq }) => [hash, seq]));
  const kept = entries.flatMap(({ hash }, i) => (fresh.has(hash) ? [{ seq: fresh.get(hash) as number, row: i }] : []));
  await own.addMany(kept.map(({ seq }) => seq), kept.map(({ row }) => values.subarray(row * width, (row + 1) * width)));
  show(photos);
  embedded.value = own.size;
  return photos.length;
}

function entryOf(id: string | number): Embedded {
  const path = String(id);
  const parts = path.split(/[\\/]/);
  const name = parts.pop() || path;
  return { hash: `imported ${path}`, name, width: 0, height: 0, ...(parts.length && { folder: parts.join("/") }) };
}

/** Gives a file to the user. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser has begun to read it by then
}
