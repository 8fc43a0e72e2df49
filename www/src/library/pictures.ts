/** Bytes, hashes and thumbnails of pictures, in the library's worker. */

/** Pixels of a thumbnail's shorter side: twice what a cell of the grid has. */
export const EDGE = 256;

/** What tells bytes from all others. */
export async function hashOf(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A small JPEG of a photo; nothing if the browser can't decode it: the grid shows its name then. */
export async function thumbnailOf(photo: Blob): Promise<ArrayBuffer | undefined> {
  try {
    const whole = await createImageBitmap(photo, { imageOrientation: "from-image" });
    const scale = Math.min(1, EDGE / Math.min(whole.width, whole.height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(whole.width * scale)), Math.max(1, Math.round(whole.height * scale)));
    const context = canvas.getContext("2d");
    if (!context) return undefined;
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(whole, 0, 0, canvas.width, canvas.height);
    whole.close();
    return await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 })).arrayBuffer();
  } catch {
    return undefined;
  }
}
