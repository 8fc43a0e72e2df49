/** Ways into the library: picked, dropped, pasted, photographed, whole folders. */

import { signal } from "@preact/signals";
import { Embeddings } from "clip-vision/search";
import type { Arrival, Failure } from "../library/types.ts";
import { PHOTO_NAME } from "../library/folders.ts";
import { diskFull, index } from "./indexing.ts";
import { library, show } from "./library.ts";
import { spaceOf } from "./model.ts";

/** Files that could not even be noted down. */
export const refused = signal<readonly Failure[]>([]);
/** Files that are being taken in. */
export const arriving = signal(0);

const DRAWINGS = 352; // four of each kind
const AT_ONCE = 200;

/** By its type or, where the system knows none, by its name; whatever else is in a folder is passed over. */
const looksLikePhoto = (file: File): boolean => file.type.startsWith("image/") || PHOTO_NAME.test(file.name);

const arrivalOf = (file: File): Arrival => {
  const folder = file.webkitRelativePath.split("/").slice(0, -1).join("/");
  return { name: file.name, ...(folder && { folder }), original: { kind: "given", blob: file } };
};

/** Takes files in. Of a folder those that are photos; of single ones all, so that one that can't be read is named. */
export async function addFiles(files: Iterable<File>): Promise<void> {
  const arrivals = Array.from(files)
    .filter((file) => !file.webkitRelativePath || looksLikePhoto(file))
    .map(arrivalOf);
  await addArrivals(arrivals);
}

async function addArrivals(arrivals: readonly Arrival[]): Promise<void> {
  for (let from = 0; from < arrivals.length; from += AT_ONCE) {
    const part = arrivals.slice(from, from + AT_ONCE);
    arriving.value += part.length;
    const failed = await library.add(part).finally(() => (arriving.value -= part.length));
    refused.value = [...refused.value, ...failed];
    diskFull.value ||= failed.some(({ code }) => code === "disk-full");
    index();
  }
}

/** The first drawings, whose embeddings come with the page: they can be searched at once. */
export async function addFirstDrawings(): Promise<void> {
  try {
    const rows = await Embeddings.load<number>(new URL("./drawings.clip-vision", document.baseURI));
    show(await library.addEmbeddedDrawings(spaceOf("", ""), rows.ids(), await rows.getMany()));
    rows.close();
  } catch {
    await addDrawings(); // the file is not there: they are embedded here
  }
}

/** The pictures that the project draws, by their numbers. */
export async function addDrawings(count = DRAWINGS, first = 0): Promise<void> {
  await library.addDrawings(first, count);
  index();
}

/** What was dropped or pasted: files by their handles where the browser has these, and folders with all that is in them. */
export async function addTransfer(data: DataTransfer): Promise<void> {
  const items = Array.from(data.items).filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? undefined);
  const files = items.map((item) => item.getAsFile() ?? undefined);
  const handles = await Promise.all(items.map((item) => (item as DroppedItem).getAsFileSystemHandle?.().catch(() => null)));
  for (const [i, file] of files.entries()) {
    const [entry, handle] = [entries[i], handles[i]];
    try {
      if (handle?.kind === "directory") await scanFolder(handle as FileSystemDirectoryHandle);
      else if (entry?.isDirectory) for await (const part of filesOf(entry as FileSystemDirectoryEntry)) await addArrivals(part);
      else if (file) await addFiles([file]);
    } catch (error) {
      const name = handle?.name ?? entry?.name ?? "";
      refused.value = [...refused.value, { code: "file-gone", message: (error as Error).message, arrival: -1, name }];
    }
  }
}

interface DroppedItem extends DataTransferItem {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

/** The photos of a dropped folder, where the browser has no handles. */
async function* filesOf(folder: FileSystemDirectoryEntry): AsyncGenerator<Arrival[]> {
  const reader = folder.createReader();
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    const photos = entries.filter((entry): entry is FileSystemFileEntry => entry.isFile && PHOTO_NAME.test(entry.name));
    const files = await Promise.all(photos.map((entry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject))));
    if (files.length) yield files.map((file) => ({ ...arrivalOf(file), folder: folder.fullPath.slice(1) }));
    for (const entry of entries) if (entry.isDirectory) yield* filesOf(entry as FileSystemDirectoryEntry);
  }
}

/** Takes in what is new in a folder of the disk; how many files that are. */
export async function scanFolder(handle: FileSystemDirectoryHandle): Promise<number> {
  try {
    return await library.scan(handle);
  } finally {
    index(); // of a scan that fails, too, what it has found
  }
}

