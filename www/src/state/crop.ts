/** A part of a photo, as pixels. */

import type { Box } from "./query.ts";

/** The whole photo stays the file that it is, which the model's own decoder reads exactly. */
export async function cropped(photo: Blob, box?: Box): Promise<Blob | ImageBitmap> {
  if (!box) return photo;
  const whole = await createImageBitmap(photo);
  try {
    const [x, y] = [Math.round(box.x * whole.width), Math.round(box.y * whole.height)];
    const [width, height] = [Math.round(box.width * whole.width), Math.round(box.height * whole.height)];
    return await createImageBitmap(whole, x, y, Math.max(1, width), Math.max(1, height));
  } finally {
    whole.close();
  }
}
