/**
 * The library itself, in its worker: what comes in, what waits, what is there. The page asks for jobs, has the model embed
 * them, and hands back what became of them; everything is on disk by then, so a reload or a crash loses at most the photos that
 * were being computed, which are still among the arrivals.
 */

import { type Database, openDatabase, spaceFrom } from "./database.ts";
import { drawingOf, drawingToShow } from "../drawings/draw.ts";
import { nameOf, sceneOf } from "../drawings/scenes.ts";
import { newFilesOf } from "./folders.ts";
import { EDGE, hashOf, thumbnailOf } from "./pictures.ts";
import type { Arrival, Embedded, Failure, Folder, Job, Original, Outcome, Page, Photo, Reason, Rows, Settled, Work } from "./types.ts";
import { transfer } from "comlink";

/** Records that are read or written at a time. */
const MANY = 1000;
/** A photo's own file may be this large; a larger one is refused before it is read. */
const MOST_BYTES = 256 << 20;

const reasonOf = (error: unknown): Reason => {
  const { name = "Error", message = String(error) } = error as Error;
  if (name === "QuotaExceededError") return { code: "disk-full", message };
  return { code: name === "NotFoundError" || name === "NotAllowedError" ? "file-gone" : "file", message };
};

/** A photo that the page has a result of. */
interface Ready {
  outcome: Outcome;
  taken: { arrival: Arrival; hash: string; file: Blob } | undefined;
  thumbnail: ArrayBuffer | undefined;
}

export class Library {
  readonly #database: Promise<Database> = openDatabase();
  /** Arrivals that the page has and has not answered for. */
  readonly #taken = new Map<number, { arrival: Arrival; hash: string; file: Blob }>();
  readonly #takenHashes = new Set<string>();
  /** The jobs that are being handed out. */
  #taking: Promise<unknown> = Promise.resolve();
  /** Photos without an embedding of the model that is in use, and not yet handed out. */
  #missing: number[] = [];
  #space = "";
  /** Whether the database takes Blobs, and not just bytes. */
  #keepsBlobs = true;

  constructor() {
    this.#database.catch(() => undefined); // whoever needs it hears of it
  }

  /** Takes files in; the page learns of each that there is no room for. */
  async add(arrivals: readonly Arrival[]): Promise<Failure[]> {
    const failed: Failure[] = [];
    for (let from = 0; from < arrivals.length; from += 50) {
      const part = arrivals.slice(from, from + 50);
      try {
        await this.#note(part);
      } catch (error) {
        failed.push(...part.map(({ name }) => ({ ...reasonOf(error), arrival: -1, name })));
      }
    }
    return failed;
  }

  /** Notes arrivals down, with copies of files that could not be found again. */
  async #note(arrivals: readonly Arrival[]): Promise<void> {
    const files = arrivals.map(({ original }) => (original.kind === "given" ? original.blob : undefined));
    const bytes = this.#keepsBlobs ? files : await Promise.all(files.map((file) => file?.arrayBuffer()));
    const transaction = (await this.#database).transaction(["arrivals", "copies"], "readwrite");
    try {
      await Promise.all(arrivals.map(async ({ original, ...arrival }, i) => {
        const copy = bytes[i] && (await transaction.objectStore("copies").add(bytes[i]));
        await transaction.objectStore("arrivals").add({ ...arrival, original: copy === undefined ? original : { kind: "copy", copy }, failed: 0 });
      }));
      await transaction.done;
    } catch (error) {
      await transaction.done.catch(() => undefined);
      if (!this.#keepsBlobs || (error as Error).name === "QuotaExceededError") throw error;
      this.#keepsBlobs = false; // as in a private window of WebKit's
      await this.#note(arrivals);
    }
  }

  /** Adds drawings by their numbers. */
  addDrawings(first: number, count: number): Promise<Failure[]> {
    return this.add(Array.from({ length: count }, (_, i) => ({ name: nameOf(first + i), original: { kind: "drawn", index: first + i } })));
  }

  /** Adds drawings whose embeddings are known already. */
  addEmbeddedDrawings(space: string, numbers: readonly number[], values: Float32Array): Promise<Photo[]> {
    const entries = numbers.map((index): Embedded => {
      const { width, height } = sceneOf(index);
      return { hash: `drawn ${index}`, name: nameOf(index), width, height, original: { kind: "drawn", index } };
    });
    return this.addEmbedded(space, entries, values);
  }

  /** The first number of a drawing that is not in the library. */
  async drawings(): Promise<number> {
    const hashes = await (await this.#database).getAllKeysFromIndex("photos", "hash", IDBKeyRange.bound("drawn ", "drawn :"));
    const { store } = (await this.#database).transaction("originals");
    const originals = await Promise.all(hashes.map((seq) => store.get(seq)));
    return Math.max(-1, ...originals.map((original) => (original?.kind === "drawn" ? original.index : -1))) + 1;
  }

  /** From now on, what has no embedding in this space is to be embedded, if there is more of it here than embeddings. */
  async useSpace(space: string): Promise<Work> {
    const database = await this.#database;
    this.#space = space;
    const [photos, there] = await Promise.all([database.getAllKeys("originals"), database.getAllKeys("embeddings", spaceFrom(space))]);
    const known = new Set(there.map(([, seq]) => seq));
    this.#missing = photos.filter((seq) => !known.has(seq));
    return this.work();
  }

  async work(): Promise<Work> {
    const database = await this.#database;
    const [waiting, failed] = await Promise.all([0, 1].map((state) => database.countFromIndex("arrivals", "failed", state)));
    return { waiting: (waiting ?? 0) + this.#missing.length, failed: failed ?? 0 };
  }

  /** Up to so many jobs that nobody has yet; none when everything is done or under way. */
  take(count: number): Promise<Job[]> {
    const jobs = this.#taking.then(() => this.#take(count));
    this.#taking = jobs.catch(() => undefined);
    return jobs;
  }

  async #take(count: number): Promise<Job[]> {
    const database = await this.#database;
    const jobs: Job[] = [];
    const after = Math.max(-1, ...this.#taken.keys());
    let cursor = await database.transaction("arrivals").store.openCursor(IDBKeyRange.lowerBound(after, true));
    const found: [number, Arrival][] = [];
    for (; cursor && found.length < count; cursor = await cursor.continue()) {
      if (cursor.value.failed === 0) found.push([cursor.key, cursor.value]);
    }
    for (const [key, arrival] of found) {
      const job = await this.#jobOf(key, arrival);
      if (job) jobs.push(job);
    }
    if (found.length === 0) for (const seq of this.#missing.splice(0, count)) jobs.push(...(await this.#again(seq)));
    const more = found.length > 0 || this.#missing.length > 0;
    return jobs.length === 0 && more ? this.#take(count) : jobs; // those were there already, or can't be read
  }

  /** An arrival's bytes, unless they are in the library already or can't be read. */
  async #jobOf(key: number, arrival: Arrival): Promise<Job | undefined> {
    const database = await this.#database;
    try {
      const file = await this.#fileOf(arrival.original);
      if (file.size > MOST_BYTES) throw Object.assign(new Error(`the file has ${file.size} bytes`), { name: "too-large" });
      const hash = arrival.original.kind === "drawn" ? `drawn ${arrival.original.index}` : await hashOf(await file.arrayBuffer());
      if (this.#takenHashes.has(hash) || (await database.getKeyFromIndex("photos", "hash", hash)) !== undefined) {
        await this.forget([key]);
        return undefined;
      }
      this.#taken.set(key, { arrival, hash, file });
      this.#takenHashes.add(hash);
      return { arrival: key, name: arrival.name, file };
    } catch (error) {
      await this.#fail(key, arrival, (error as Error).name === "too-large" ? { code: "too-large", message: (error as Error).message } : reasonOf(error));
      return undefined;
    }
  }

  async #again(seq: number): Promise<Job[]> {
    const file = await this.file(seq).catch(() => undefined);
    const photo = await (await this.#database).get("photos", seq);
    return file && photo ? [{ seq, name: photo.name, file }] : [];
  }

  async #fail(key: number, arrival: Arrival, reason: Reason): Promise<void> {
    await (await this.#database).put("arrivals", { ...arrival, failed: 1, reason }, key);
  }

  /** What became of jobs. All that is kept is on disk when this returns: in one transaction, or, if that fails, one by one. */
  async settle(space: string, outcomes: readonly Outcome[]): Promise<Settled> {
    const settled: Settled = { photos: [], rows: [], diskFull: false };
    const thumbnails = await Promise.all(outcomes.map((outcome) => this.#thumbnail(outcome)));
    const ready = outcomes.map((outcome, i) => ({ outcome, thumbnail: thumbnails[i], taken: this.#taken.get(outcome.arrival ?? -1) }));
    const kept = ready.filter(({ outcome, taken }) => outcome.embedding && (taken || outcome.seq !== undefined));
    try {
      await this.#keep(space, kept, settled);
    } catch {
      for (const one of kept) await this.#keep(space, [one], settled).catch((error: unknown) => this.#failed(one, reasonOf(error), settled));
    }
    for (const one of ready) if (!one.outcome.embedding) await this.#failed(one, one.outcome.failure ?? { code: "compute", message: "" }, settled);
    for (const { outcome, taken } of ready) {
      this.#taken.delete(outcome.arrival ?? -1);
      if (taken) this.#takenHashes.delete(taken.hash);
    }
    return settled;
  }

  async #failed({ outcome, taken }: Ready, reason: Reason, settled: Settled): Promise<void> {
    settled.diskFull ||= reason.code === "disk-full";
    if (outcome.arrival === undefined || !taken) return;
    await this.#fail(outcome.arrival, taken.arrival, reason).catch(() => undefined); // it stays among the arrivals
  }

  async #thumbnail({ arrival, embedding }: Outcome): Promise<ArrayBuffer | undefined> {
    const taken = embedding && arrival !== undefined ? this.#taken.get(arrival) : undefined;
    if (!taken || taken.arrival.original.kind === "drawn") return undefined; // it is drawn when it is looked at
    return thumbnailOf(taken.file);
  }

  /** Photos with all that belongs to them, wholly or not at all. */
  async #keep(space: string, kept: readonly Ready[], settled: Settled): Promise<void> {
    const stores = ["photos", "originals", "thumbnails", "embeddings", "arrivals"] as const;
    const transaction = (await this.#database).transaction(stores, "readwrite", { durability: "relaxed" });
    const photos: Photo[] = [];
    const rows: Settled["rows"] = [];
    for (const { outcome: { arrival: key, embedding, seq: known, width = 0, height = 0 }, taken, thumbnail } of kept) {
      let seq = known;
      if (taken && key !== undefined) {
        const { arrival: { name, folder, original }, hash, file } = taken;
        const record = { hash, name, ...(folder && { folder }), bytes: file.size, width, height, added: Date.now() };
        seq = await transaction.objectStore("photos").add(record as Photo); // the store numbers it
        void transaction.objectStore("originals").put(original, seq);
        if (thumbnail) void transaction.objectStore("thumbnails").put(thumbnail, seq);
        void transaction.objectStore("arrivals").delete(key);
        photos.push({ ...record, seq });
      } else if ((await transaction.objectStore("photos").getKey(seq as number)) === undefined) {
        continue; // it was removed meanwhile
      }
      void transaction.objectStore("embeddings").put(embedding as Float32Array, [space, seq as number]);
      rows.push({ seq: seq as number, embedding: embedding as Float32Array });
    }
    await transaction.done;
    settled.photos.push(...photos);
    settled.rows.push(...rows);
  }

  /** Jobs that were handed out and will not be answered: they wait again. */
  async putBack(): Promise<void> {
    await this.#taking; // the last of them may be on their way
    this.#taken.clear();
    this.#takenHashes.clear();
    await this.useSpace(this.#space);
  }

  /** All that waits is given up. */
  async cancel(): Promise<void> {
    await this.putBack();
    await this.forget(await (await this.#database).getAllKeysFromIndex("arrivals", "failed", 0));
  }

  async failures(): Promise<Failure[]> {
    const found: Failure[] = [];
    let cursor = await (await this.#database).transaction("arrivals").store.index("failed").openCursor(1);
    for (; cursor && found.length < MANY; cursor = await cursor.continue()) {
      const { name, reason } = cursor.value;
      found.push({ arrival: cursor.primaryKey, name, code: reason?.code ?? "compute", message: reason?.message ?? "" });
    }
    return found;
  }

  /** Tries what has failed again, or forgets it. */
  async retry(arrivals: readonly number[]): Promise<void> {
    const transaction = (await this.#database).transaction("arrivals", "readwrite");
    for (const key of arrivals) {
      const arrival = await transaction.store.get(key);
      if (!arrival) continue;
      const { reason: _reason, ...rest } = arrival;
      await transaction.store.delete(key);
      await transaction.store.add({ ...rest, failed: 0 }); // behind the others
    }
    await transaction.done;
  }

  async forget(arrivals: readonly number[]): Promise<void> {
    const transaction = (await this.#database).transaction(["arrivals", "copies"], "readwrite");
    await Promise.all(arrivals.map(async (key) => {
      const arrival = await transaction.objectStore("arrivals").get(key);
      if (arrival?.original.kind === "copy") void transaction.objectStore("copies").delete(arrival.original.copy);
      void transaction.objectStore("arrivals").delete(key);
    }));
    await transaction.done;
  }

  /** The photos, from a number on. */
  async photos(from = 0): Promise<Page<Photo>> {
    const items = await (await this.#database).getAll("photos", IDBKeyRange.lowerBound(from), MANY);
    return { items, ...(items.length === MANY && { next: (items.at(-1) as Photo).seq + 1 }) };
  }

  /** The embeddings of a space, from a photo's number on. */
  async embeddings(space: string, from = 0): Promise<Rows> {
    const database = await this.#database;
    const range = spaceFrom(space, from);
    const [keys, rows] = await Promise.all([database.getAllKeys("embeddings", range, MANY), database.getAll("embeddings", range, MANY)]);
    const width = rows[0]?.length ?? 0;
    const values = new Float32Array(rows.length * width);
    rows.forEach((row, i) => values.set(row, i * width));
    const seqs = keys.map(([, seq]) => seq);
    return transfer({ seqs, values, ...(keys.length === MANY && { next: (seqs.at(-1) as number) + 1 }) }, [values.buffer]);
  }

  /** Thumbnails, decoded, for as many of the photos as have one. */
  async thumbnails(seqs: readonly number[]): Promise<(ImageBitmap | undefined)[]> {
    const transaction = (await this.#database).transaction(["thumbnails", "originals"]);
    const bitmaps = await Promise.all(seqs.map(async (seq) => {
      const file = await transaction.objectStore("thumbnails").get(seq);
      if (file) return createImageBitmap(new Blob([file])).catch(() => undefined);
      const original = await transaction.objectStore("originals").get(seq);
      return original?.kind === "drawn" ? drawingToShow(original.index, EDGE) : undefined;
    }));
    return transfer(bitmaps, bitmaps.filter((bitmap) => bitmap !== undefined));
  }

  /** Takes in what has an embedding already: the drawings that come with the page, or a collection from elsewhere. */
  async addEmbedded(space: string, entries: readonly Embedded[], values: Float32Array): Promise<Photo[]> {
    const stores = ["photos", "originals", "embeddings"] as const;
    const transaction = (await this.#database).transaction(stores, "readwrite", { durability: "relaxed" });
    const index = transaction.objectStore("photos").index("hash");
    const width = values.length / entries.length;
    const photos = await Promise.all(entries.map(async ({ original, ...known }, i) => {
      if ((await index.getKey(known.hash)) !== undefined) return undefined;
      const photo = { bytes: 0, ...known, added: Date.now() };
      const seq = await transaction.objectStore("photos").add(photo as Photo); // the store numbers it
      if (original) void transaction.objectStore("originals").put(original, seq);
      void transaction.objectStore("embeddings").put(values.slice(i * width, (i + 1) * width), [space, seq]);
      return { ...photo, seq };
    }));
    await transaction.done;
    return photos.filter((photo) => photo !== undefined);
  }

  /** A photo's file. A file of the disk that the page may not read any more, or that is gone, is an error. */
  async file(seq: number): Promise<Blob> {
    const original: Original | undefined = await (await this.#database).get("originals", seq);
    if (!original) throw new Error("only the embedding of this photo is here");
    return this.#fileOf(original);
  }

  async #fileOf(original: Original): Promise<Blob> {
    if (original.kind === "drawn") return drawingOf(original.index);
    if (original.kind === "file") return original.handle.getFile();
    const blob = original.kind === "given" ? original.blob : await (await this.#database).get("copies", original.copy);
    if (!blob) throw new DOMException("its copy is not in the database", "NotFoundError");
    return blob instanceof Blob ? blob : new Blob([blob]);
  }

  async remove(seqs: readonly number[]): Promise<void> {
    const stores = ["photos", "originals", "copies", "thumbnails", "embeddings"] as const;
    const transaction = (await this.#database).transaction(stores, "readwrite");
    for (const seq of seqs) {
      const original = await transaction.objectStore("originals").get(seq);
      if (original?.kind === "copy") void transaction.objectStore("copies").delete(original.copy);
      for (const name of ["photos", "originals", "thumbnails"] as const) void transaction.objectStore(name).delete(seq);
    }
    const gone = new Set(seqs);
    let cursor = await transaction.objectStore("embeddings").openKeyCursor();
    const keys: [string, number][] = [];
    for (; cursor; cursor = await cursor.continue()) if (gone.has(cursor.key[1])) keys.push(cursor.key);
    for (const key of keys) void transaction.objectStore("embeddings").delete(key);
    await transaction.done;
  }

  /** Everything: photos, copies, embeddings, folders. */
  async clear(): Promise<void> {
    const database = await this.#database;
    const stores = ["photos", "originals", "copies", "thumbnails", "embeddings", "arrivals", "folders"] as const;
    const transaction = database.transaction(stores, "readwrite");
    for (const name of stores) void transaction.objectStore(name).clear();
    await transaction.done;
    this.#taken.clear();
    this.#takenHashes.clear();
    this.#missing = [];
  }

  async folders(): Promise<Folder[]> {
    const database = await this.#database;
    const [keys, values] = await Promise.all([database.getAllKeys("folders"), database.getAll("folders")]);
    return values.map((value, i) => ({ ...value, key: keys[i] as number }));
  }

  /** Looks through a folder of the disk, and takes in what is new; how many files that are. */
  async scan(handle: FileSystemDirectoryHandle): Promise<number> {
    const database = await this.#database;
    const known = await this.folders();
    const same = await Promise.all(known.map((folder) => folder.handle.isSameEntry(handle)));
    const key = known[same.indexOf(true)]?.key;
    const before = new Set((await database.getAll("photos")).filter(({ folder }) => folder).map(({ folder, name }) => `${folder}/${name}`));
    let count = 0;
    for await (const arrivals of newFilesOf(handle, before)) {
      count += arrivals.length;
      await this.add(arrivals);
    }
    await database.put("folders", { name: handle.name, handle, scanned: Date.now() }, key);
    return count;
  }

  async forgetFolder(key: number): Promise<void> {
    await (await this.#database).delete("folders", key);
  }
}
