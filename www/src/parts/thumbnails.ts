/**
 * Thumbnails for what is on the screen. They come from the library's worker, decoded, several at a time; only the last few
 * requests matter while somebody scrolls fast, and the pictures of a screen or two are kept.
 */

import { library } from "../state/library.ts";

type Receive = (bitmap: ImageBitmap | undefined) => void;

/** Wants that wait for the next batch, the latest last. */
const wanted = new Map<number, Receive>();
const AT_ONCE = 24;
let busy = 0;
const MOST_BUSY = 2;

/** Asks for a thumbnail; the answer to call when it is not wanted any more. */
export function wantThumbnail(seq: number, receive: Receive): () => void {
  wanted.set(seq, receive);
  queueMicrotask(serve);
  return () => {
    if (wanted.get(seq) === receive) wanted.delete(seq);
  };
}

async function serve(): Promise<void> {
  if (busy >= MOST_BUSY || wanted.size === 0) return;
  busy += 1;
  const batch = Array.from(wanted).slice(-AT_ONCE);
  for (const [seq] of batch) wanted.delete(seq);
  try {
    const bitmaps = await library.thumbnails(batch.map(([seq]) => seq));
    batch.forEach(([, receive], i) => receive(bitmaps[i]));
  } catch {
    for (const [, receive] of batch) receive(undefined);
  } finally {
    busy -= 1;
    void serve();
  }
}
