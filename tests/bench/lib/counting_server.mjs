// A static host that counts what it sends, as a CDN sends it: what compresses is gzipped, and kept by the browser; ranges; and, if it
// is told to, no more bytes a second than a line has.

import { createServer } from "node:http";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { ISOLATION } from "../../../scripts/serve.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm", ".jpg": "image/jpeg" };
const PIECE = 1 << 16;

/** What a file is for. */
const kindOf = (file) => (/\.m?js$|\.html$/.test(file) ? "code" : file.endsWith(".wasm") ? "wasm" : /\.(safetensors|onnx)$/.test(file) ? "weights" : "other");

/** Until an answer takes more, or nobody listens any more. */
const drained = (response) =>
  new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });

/**
 * Serves folders by the paths that they are mounted at. `counted` has, by kind, requests and bytes of bodies since `reset`; `speed` is
 * in bytes a second, of all answers together.
 */
export async function countingServer(mounts) {
  const gzipped = new Map();
  const state = { counted: {}, speed: Infinity, free: 0 };
  const count = (kind, bytes, requests) => {
    const sum = (state.counted[kind] ??= { requests: 0, bytes: 0 });
    sum.requests += requests;
    sum.bytes += bytes;
  };
  /** Waits until the line has room for so many bytes more. */
  const pass = async (bytes) => {
    if (state.speed === Infinity) return;
    const now = performance.now();
    state.free = Math.max(now, state.free) + (bytes / state.speed) * 1000;
    if (state.free - now > 1) await sleep(state.free - now);
  };
  const answer = async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const mount = Object.keys(mounts).sort((a, b) => b.length - a.length).find((one) => pathname.startsWith(one));
    let file = path.join(mounts[mount], pathname.slice(mount.length));
    if (file.endsWith(path.sep) || file === mounts[mount]) file = path.join(file, "index.html");
    const kind = kindOf(file);
    count(kind, 0, 1);
    const headers = { ...ISOLATION, "cache-control": "public, max-age=31536000, immutable", "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" };
    if (!existsSync(file) || !statSync(file).isFile()) return void response.writeHead(404, { ...ISOLATION }).end();
    const size = statSync(file).size;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    let body;
    if (from === undefined && kind !== "weights") {
      if (!gzipped.has(file)) gzipped.set(file, gzipSync(readFileSync(file), { level: 9 }));
      const bytes = gzipped.get(file);
      response.writeHead(200, { ...headers, "content-encoding": "gzip", "content-length": bytes.length, vary: "accept-encoding" });
      body = [bytes];
    } else {
      const [start, end] = from === undefined ? [0, size] : [Number(from), to ? Math.min(size, Number(to) + 1) : size];
      const part = from === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` };
      response.writeHead(from === undefined ? 200 : 206, { ...headers, ...part, etag: `"${size}"`, "accept-ranges": "bytes", "content-length": end - start });
      body = createReadStream(file, { start, end: end - 1, highWaterMark: PIECE });
    }
    for await (const whole of body) {
      for (let at = 0; at < whole.length; at += PIECE) {
        const piece = whole.subarray(at, at + PIECE);
        await pass(piece.length);
        if (response.destroyed) return;
        count(kind, piece.length, 0);
        if (!response.write(piece)) await drained(response);
      }
    }
    response.end();
  };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    reset: (speed = Infinity) => void Object.assign(state, { counted: {}, speed, free: 0 }),
    counted: () => state.counted,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
