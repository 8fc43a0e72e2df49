/** Blobs that can be sent to a thread: Node's own. Test environments such as jsdom put classes of theirs in the globals' place. */

import { Blob as NodeBlob } from "node:buffer";

/** See {@link Platform.ownBlob}. */
export async function ownBlob(blob: Blob): Promise<Blob> {
  if ((blob as unknown) instanceof NodeBlob) return blob;
  return new NodeBlob([await contentOf(blob)], { type: blob.type }) as Blob;
}

/** Older ones, as jsdom's, have no way to their bytes but this. */
function contentOf(blob: Blob): Promise<ArrayBuffer> {
  if (typeof blob.arrayBuffer === "function") return blob.arrayBuffer();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error as Error);
    reader.readAsArrayBuffer(blob);
  });
}
