/** Looks through a folder of the disk for photos. */

import type { Arrival } from "./types.ts";

/** By their names; what is inside decides later. */
export const PHOTO_NAME = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|ico|avif|heic|heif)$/i;
const AT_ONCE = 100;

/** Files of a folder and those in it that are not in `known` (paths), some at a time. */
export async function* newFilesOf(root: FileSystemDirectoryHandle, known: ReadonlySet<string>): AsyncGenerator<Arrival[]> {
  let found: Arrival[] = [];
  for await (const [folder, handle] of filesIn(root, root.name)) {
    if (!PHOTO_NAME.test(handle.name) || known.has(`${folder}/${handle.name}`)) continue;
    found.push({ name: handle.name, folder, original: { kind: "file", handle } });
    if (found.length < AT_ONCE) continue;
    yield found;
    found = [];
  }
  if (found.length) yield found;
}

async function* filesIn(folder: FileSystemDirectoryHandle, path: string): AsyncGenerator<[path: string, FileSystemFileHandle]> {
  for await (const handle of folder.values()) {
    if (handle.kind === "file") yield [path, handle as FileSystemFileHandle];
    else if (!handle.name.startsWith(".")) yield* filesIn(handle as FileSystemDirectoryHandle, `${path}/${handle.name}`);
  }
}
