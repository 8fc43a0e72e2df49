// A static server for the demo and the browser tests: the headers that make a page cross-origin isolated (without them
// there are no threads), right content types (wasm is compiled while it streams), nothing cached, ranges for weights.
//
//   import { serve } from "./serve.mjs"     or     node scripts/serve.mjs FOLDER [PORT]

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
};

/** The whole page may only use what is its own or says that it may be used: that is what SharedArrayBuffer asks for. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "cross-origin",
};

/** The file that a request path names inside `folder`, or null; a folder stands for its index.html. */
function fileFor(folder, pathname) {
  let relative;
  try {
    relative = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  let file = path.join(folder, relative);
  if (file !== folder && !file.startsWith(folder + path.sep)) return null;
  let stat = statOf(file);
  if (stat?.isDirectory()) {
    file = path.join(file, "index.html");
    stat = statOf(file);
  }
  return stat?.isFile() ? { file, size: stat.size } : null;
}

/** What is at a path; undefined too where no path can be so (a zero byte, a name that is too long). */
function statOf(file) {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** `bytes=a-b`, `bytes=a-` or `bytes=-n` as [first, last], undefined without a range, null if it can't be met. */
function parseRange(header, size) {
  const match = header?.match(/^bytes=(\d*)-(\d*)$/);
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const first = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first <= last ? [first, last] : null;
}

/**
 * Serves a folder (or folders by path prefix: `{ "/": a, "/models": b }`) on 127.0.0.1, and resolves to
 * `{ url, port, close }`. Port 0 is any free one; a taken port moves on to the next, ten times.
 */
export function serve(folders, { port = 0, host = "127.0.0.1", headers = ISOLATION } = {}) {
  const table = Object.entries(typeof folders === "string" ? { "/": folders } : folders)
    .map(([prefix, folder]) => [prefix.endsWith("/") ? prefix : `${prefix}/`, path.resolve(folder)])
    .sort(([a], [b]) => b.length - a.length);

  const server = createServer((request, response) => {
    // Not `new URL`: to it, `//` begins the name of a host, and an empty one is an error.
    const [pathname] = (request.url ?? "/").split(/[?#]/, 1);
    const mount = table.find(([prefix]) => pathname.startsWith(prefix));
    const found = mount && fileFor(mount[1], pathname.slice(mount[0].length - 1));
    const answer = (status, more = {}) => response.writeHead(status, { "Cache-Control": "no-cache", ...headers, ...more });
    if (request.method !== "GET" && request.method !== "HEAD") return void answer(405, { Allow: "GET, HEAD" }).end();
    if (!found) return void answer(404, { "Content-Type": "text/plain; charset=utf-8" }).end("Not found\n");

    const type = TYPES[path.extname(found.file).toLowerCase()] ?? "application/octet-stream";
    const range = parseRange(request.headers.range, found.size);
    if (range === null) return void answer(416, { "Content-Range": `bytes */${found.size}` }).end();
    const [first, last] = range ?? [0, found.size - 1];
    answer(range ? 206 : 200, {
      "Content-Type": type,
      "Content-Length": last - first + 1,
      "Accept-Ranges": "bytes",
      ...(range && { "Content-Range": `bytes ${first}-${last}/${found.size}` }),
    });
    if (request.method === "HEAD" || found.size === 0) return void response.end();
    createReadStream(found.file, { start: first, end: last })
      .on("error", () => response.destroy())
      .pipe(response);
  });

  return new Promise((resolve, reject) => {
    let tries = port === 0 ? 0 : 10;
    let next = port;
    server.on("error", (error) => {
      if (error.code === "EADDRINUSE" && tries-- > 0) server.listen(++next, host);
      else reject(error);
    });
    server.on("listening", () => {
      const taken = server.address().port;
      const close = () => new Promise((done) => (server.close(done), server.closeAllConnections()));
      resolve({ url: `http://localhost:${taken}/`, port: taken, close });
    });
    server.listen(port, host);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(process.argv[2] ?? ".", { port: Number(process.argv[3] ?? 8080) });
  console.log(url);
}
