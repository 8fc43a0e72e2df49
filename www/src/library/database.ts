/** The library's database. A photo is one record in each store, written in one transaction: it is there wholly, or not at all. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Arrival, Folder, Original, Photo, Reason } from "./types.ts";

/** The stores, and what is in them by which key. */
export interface Stores extends DBSchema {
  photos: { key: number; value: Photo; indexes: { hash: string } };
  originals: { key: number; value: Original };
  /** Files that are not on the disk, or not to be found there again. They stay where they are when an arrival becomes a photo. */
  copies: { key: number; value: Blob | ArrayBuffer };
  /** JPEG files. */
  thumbnails: { key: number; value: ArrayBuffer };
  /** By the name of the model's space, and the photo's number. */
  embeddings: { key: [space: string, seq: number]; value: Float32Array };
  /** What waits to be embedded, in the order in which it came; with a reason, what has failed. */
  arrivals: { key: number; value: Arrival & { failed: 0 | 1; reason?: Reason }; indexes: { failed: number } };
  folders: { key: number; value: Omit<Folder, "key"> };
}

export type Database = IDBPDatabase<Stores>;

/** Where the browser keeps nothing, the promise rejects. */
export const openDatabase = async (): Promise<Database> =>
  openDB<Stores>("clip-vision demo", 1, {
    upgrade(database) {
      const photos = database.createObjectStore("photos", { keyPath: "seq", autoIncrement: true });
      photos.createIndex("hash", "hash", { unique: true });
      database.createObjectStore("originals");
      database.createObjectStore("copies", { autoIncrement: true });
      database.createObjectStore("thumbnails");
      database.createObjectStore("embeddings");
      database.createObjectStore("arrivals", { autoIncrement: true }).createIndex("failed", "failed");
      database.createObjectStore("folders", { autoIncrement: true });
    },
  });

/** The embeddings of a space, from a photo's number on. */
export const spaceFrom = (space: string, seq = 0): IDBKeyRange => IDBKeyRange.bound([space, seq], [space, Infinity]);
