/** The library as the page sees it: the photos that there are, and a worker that keeps everything else about them. */

import { computed, signal } from "@preact/signals";
import { type Remote, wrap } from "comlink";
import type { Library } from "../library/library.ts";
import type { Photo } from "../library/types.ts";

export const library: Remote<Library> = wrap<Library>(
  new Worker(new URL("../library/worker.ts", import.meta.url), { type: "module", name: "library" }),
);

/** The photos by their numbers, in the order in which they came. A change makes a new `version`. */
const bySeq = new Map<number, Photo>();
const version = signal(0);

/** Whether all that was kept has been read. */
export const opened = signal(false);
/** Why nothing can be kept here. */
export const unopened = signal<Error | undefined>();

/** The numbers of all photos, the newest first. */
export const allPhotos = computed<readonly number[]>(() => {
  version.value;
  return Array.from(bySeq.keys()).reverse();
});

export const photoOf = (seq: number): Photo | undefined => bySeq.get(seq);

/** Shows photos that are on disk by now. */
export function show(photos: readonly Photo[]): void {
  for (const photo of photos) bySeq.set(photo.seq, photo);
  if (photos.length) version.value += 1;
}

export function hide(seqs: readonly number[]): void {
  for (const seq of seqs) bySeq.delete(seq);
  version.value += 1;
}

export function hideAll(): void {
  bySeq.clear();
  version.value += 1;
}

/** Reads the list of photos, a thousand at a time. */
export async function readPhotos(): Promise<void> {
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { items, next }: { items: Photo[]; next?: number } = await library.photos(from);
    show(items);
    from = next;
  }
  opened.value = true;
}
