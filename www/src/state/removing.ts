/** Removes photos from the library; files on the disk stay as they are. */

import { hide, library } from "./library.ts";
import { collection, embedded } from "./model.ts";

export async function removePhotos(seqs: readonly number[]): Promise<void> {
  await library.remove(seqs);
  await collection.value?.remove(...seqs);
  hide(seqs);
  embedded.value = collection.value?.size ?? 0;
}
