/**
 * Small copies of the photos, made off the main thread and kept compressed: a hundred photos of 12 megapixels cost a
 * few megabytes here, not the five gigabytes of their pixels.
 */

import type { Photo } from "./session.ts";

const WIDEST = 480; // pixels of the longer side
const AT_ONCE = 2; // the browser decodes the whole photo for each

export class Thumbnails {
  readonly #urls = new WeakMap<Photo, Promise<string | null>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** An address for `<img>`, or null where the browser can't show the photo (TIFF, for one). */
  of(photo: Photo): Promise<string | null> {
    const known = this.#urls.get(photo);
    if (known) return known;
    const url = this.#inTurn(() => shrink(photo.file)).catch(() => null);
    this.#urls.set(photo, url);
    return url;
  }

  /** Frees a photo's copy. */
  async drop(photo: Photo): Promise<void> {
    const url = await this.#urls.get(photo);
    this.#urls.delete(photo);
    if (url) URL.revokeObjectURL(url);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

async function shrink(file: Blob): Promise<string> {
  const { width, height } = await sizeOf(file);
  const scale = Math.min(1, WIDEST / Math.max(width, height));
  const resizeWidth = Math.max(1, Math.round(width * scale));
  const resizeHeight = Math.max(1, Math.round(height * scale));
  const bitmap = await createImageBitmap(file, { resizeWidth, resizeHeight, resizeQuality: "high" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.85 }));
}

/** The photo's upright size, which an `<img>` knows before any pixel is decoded. */
function sizeOf(file: Blob): Promise<{ width: number; height: number }> {
  const url = URL.createObjectURL(file);
  const image = new Image();
  return new Promise<{ width: number; height: number }>((resolve, reject) => {
    image.onload = () => resolve({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => reject(new Error("the browser can't show this photo"));
    image.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}
