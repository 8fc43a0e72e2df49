// A static host and a hub that count what they send. The host sends as a CDN does: what compresses is gzipped, and kept by the browser.
// The hub has repositories as huggingface.co has them: `ID/resolve/REVISION/FILE`; small files it sends itself, large ones from another
// host, to which it redirects. If it is told to, the server sends no more bytes a second than a line has.

import { createServer } from "node:http";
import { createReadStream, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { ISOLATION } from "../../../scripts/serve.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm", ".jpg": "image/jpeg" };
const PIECE = 1 << 16;
const KEPT = { "cache-control": "public, max-age=31536000, immutable" };
const SHARED = { ...ISOLATION, "access-control-allow-origin": "*", "access-control-expose-headers": "*", "access-control-allow-headers": "range" };

/** What a file is for. */
function kindOf(file) {
  if (/\.m?js$|\.html$/.test(file)) return "code";
  if (file.endsWith(".wasm")) return "wasm";
  if (/\.(safetensors|onnx)$/.test(file)) return "weights";
  return file.endsWith("tokenizer.json") ? "tokenizer" : "other";
}

/** What a hub keeps with another host, which sends it as it is. */
const isLarge = (kind) => kind === "weights" || kind === "tokenizer";

const sizeOf = (file) => (file && statSync(file, { throwIfNoEntry: false })?.isFile() ? statSync(file).size : undefined);

/** Until an answer takes more, or nobody listens any more. */
const drained = (response) =>
  new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });

/** Requests and bytes of bodies by kind since `reset`; `speed` is in bytes a second, of all answers together. */
function meter() {
  const state = { counted: {}, speed: Infinity, free: 0 };
  return {
    count(kind, bytes, requests) {
      const sum = (state.counted[kind] ??= { requests: 0, bytes: 0 });
      sum.requests += requests;
      sum.bytes += bytes;
    },
    /** Waits until the line has room for so many bytes more. */
    async pass(bytes) {
      if (state.speed === Infinity) return;
      const now = performance.now();
      state.free = Math.max(now, state.free) + (bytes / state.speed) * 1000;
      if (state.free - now > 1) await sleep(state.free - now);
    },
    reset: (speed = Infinity) => void Object.assign(state, { counted: {}, speed, free: 0 }),
    counted: () => structuredClone(state.counted),
  };
}

/** A file's body, `{ status, headers, body }`: of large ones the range that was asked for, of others all of it, gzipped. */
function bodyOf(file, size, kind, range, gzipped) {
  if (!isLarge(kind)) {
    if (!gzipped.has(file)) gzipped.set(file, gzipSync(readFileSync(file), { level: 9 }));
    const bytes = gzipped.get(file);
    return { status: 200, headers: { "content-encoding": "gzip", "content-length": bytes.length, vary: "accept-encoding" }, body: [bytes] };
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const [start, end] = from === undefined ? [0, size] : [Number(from), to ? Math.min(size, Number(to) + 1) : size];
  const part = from === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` };
  const body = createReadStream(file, { start, end: end - 1, highWaterMark: PIECE });
  return { status: from === undefined ? 200 : 206, headers: { ...part, "accept-ranges": "bytes", "content-length": end - start }, body };
}

/**
 * Serves folders by the paths that they are mounted at, and repositories, `{ ID: { FILE: path } }`, at `hub`. `counted()` has, by kind,
 * requests (redirects among them) and bytes of bodies since `reset(speed)`.
 */
export async function countingServer(mounts, repositories = {}) {
  const [gzipped, line] = [new Map(), meter()];
  const mountsByLength = Object.keys(mounts).sort((a, b) => b.length - a.length);
  const mounted = (pathname) => {
    const mount = mountsByLength.find((one) => pathname.startsWith(one));
    const file = path.join(mounts[mount], pathname.slice(mount.length));
    return pathname.endsWith("/") ? path.join(file, "index.html") : file;
  };
  const find = (pathname) => {
    const [, place, id, name] = /^\/(hub|cdn)\/([^/]+\/[^/]+)\/(?:resolve\/[^/]+\/)?(.+)$/.exec(pathname) ?? [];
    return place ? { place, id, name, file: repositories[id]?.[name] } : { file: mounted(pathname) };
  };
  const answer = async (request, response) => {
    const { place, id, name, file } = find(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const [kind, size] = [kindOf(name ?? file), sizeOf(file)];
    line.count(kind, 0, 1);
    if (request.method === "OPTIONS") return void response.writeHead(204, SHARED).end();
    if (size === undefined) return void response.writeHead(404, SHARED).end();
    if (place === "hub" && isLarge(kind)) return void response.writeHead(302, { ...SHARED, location: `${cdn.url}cdn/${id}/${name}` }).end();
    const { status, headers, body } = bodyOf(file, size, kind, request.headers.range, gzipped);
    const facts = { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream", etag: `"${size}"` };
    response.writeHead(status, { ...SHARED, ...(place === "hub" ? {} : KEPT), ...facts, ...headers });
    if (request.method === "HEAD") return void response.end();
    for await (const whole of body) {
      for (let at = 0; at < whole.length; at += PIECE) {
        const piece = whole.subarray(at, at + PIECE);
        await line.pass(piece.length);
        if (response.destroyed) return;
        line.count(kind, piece.length, 0);
        if (!response.write(piece)) await drained(response);
      }
    }
    response.end();
  };
  const [site, cdn] = [await listen(answer), await listen(answer)];
  return {
    url: site.url,
    reset: line.reset,
    counted: line.counted,
    close: () => Promise.all([site.close(), cdn.close()]),
  };
}

async function listen(answer) {
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
