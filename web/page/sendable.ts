/** A model's files, of which Node's threads take Blobs of Node's own alone. */

import type { Role } from "../shared/model_files.js";
import { platform } from "../shared/platform.js";
import type { WireFile, WireModel } from "../shared/protocol.js";

/** The same files, ready to be sent to the worker. */
export async function sendable(model: WireModel): Promise<WireModel> {
  const place = platform();
  if (!place) return model;
  const files = Object.entries(model) as [Role, WireFile][];
  const own = files.map(async ([role, file]) => [role, "blob" in file ? { ...file, blob: await place.ownBlob(file.blob) } : file] as const);
  return Object.fromEntries(await Promise.all(own)) as unknown as WireModel;
}
