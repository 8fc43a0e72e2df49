/** `fetch` that reads files as well: Node's own knows no `file:` addresses. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A file's content, as a server would answer with it: 404 where there is none. */
export async function fetchWithFiles(url: string, init: { signal?: AbortSignal }): Promise<Response> {
  if (!/^file:/i.test(url)) return fetch(url, init);
  const path = fileURLToPath(url);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (!found?.isFile()) return new Response(null, { status: 404, statusText: found ? "Not a file" : "No such file" });
  const headers = {
    "Content-Length": String(found.size),
    ...(extname(path) === ".wasm" && { "Content-Type": "application/wasm" }), // compiled while it is read
  };
  const content = Readable.toWeb(createReadStream(path, init.signal ? { signal: init.signal } : {}));
  return new Response(content as ReadableStream<Uint8Array>, { headers });
}
