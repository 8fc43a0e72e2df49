/** Photos of other servers that a page may show, but not read. */

import { ClipVisionError, messageOf } from "../shared/errors.js";
import { tagOf } from "../shared/values.js";

/** The error of a photo of that kind, where that is why it could not be sent: some browsers do not report it before. */
export function taintedPhoto(cause: unknown, transfer: readonly Transferable[]): ClipVisionError | undefined {
  if (!/origin/i.test(messageOf(cause)) && !transfer.some(isTainted)) return undefined;
  const advice = 'load it with crossorigin="anonymous" from a server that allows it';
  return new ClipVisionError("fetch", `The photo comes from another server, which does not allow this page to read it: ${advice}`, { cause });
}

/** Whether this is a bitmap that the page may show, but not read: from another server, which does not allow it. */
function isTainted(bitmap: Transferable): boolean {
  if (tagOf(bitmap) !== "ImageBitmap") return false;
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  try {
    context?.drawImage(bitmap as ImageBitmap, 0, 0);
    context?.getImageData(0, 0, 1, 1);
    return false;
  } catch (error) {
    return error instanceof DOMException && error.name === "SecurityError";
  }
}
