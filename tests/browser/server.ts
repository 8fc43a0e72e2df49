/**
 * A server on loopback that plays every part: the package, the golden files, files that a test makes up, and what can go
 * wrong on the way, by the first part of the path:
 *
 *     /status/503/golden/…      that status
 *     /page/golden/…            200, and an HTML page
 *     /cut/1000/golden/…        the right length, and a connection that ends after so many bytes
 *     /slow/golden/…            a kilobyte every 10 ms
 *     /whole/golden/…           no ranges
 *     /gzip/golden/…            compressed, and so no ranges
 *     /trimmed/100/golden/…     without its last 100 bytes
 *     /to/8080/golden/…         a redirection to another port
 *     /broken-once/1000/…       the first answer ends after so many bytes
 *     /busy/2/golden/…          503 for so many requests
 *     /changing/1/golden/…      so many answers that break off, each of another ETag
 *     /never/golden/…           no answer at all
 *
 * Every answer carries the strict policy that the package promises to work with.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../..", import.meta.url));
const MOUNTS = {
  "/dist/": "dist",
  "/modules/": "target/web",
  "/golden/": "tests/golden",
  "/fixtures/": "tests/browser/fixtures",
  "/models/": "models",
};
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
const PAGE = '<!doctype html><html lang="en"><title>Test</title><script type="module" src="/fixtures/boot.js"></script></html>';

/** As strict as it can be: scripts and workers of the own origin, WebAssembly, nothing evaluated. */
export const STRICT_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "connect-src 'self' data: blob: http://127.0.0.1:*; img-src 'self' data: blob: http://127.0.0.1:*";

export interface ServerOptions {
  /** Content-Security-Policy of every answer. */
  policy?: string;
  /** Whether other origins may read. */
  shared?: boolean;
  /** This machine's address by which it is asked. Default: the loopback's, which browsers trust as they trust HTTPS. */
  host?: string;
  /** Whether its pages are cross-origin isolated: without that there are no threads. */
  isolated?: boolean;
}

export class TestServer {
  readonly #server: Server;
  readonly #options: ServerOptions;
  /** Files that a test made up, by path. */
  readonly files = new Map<string, Uint8Array | string>();
  /** Every path that was asked for. */
  readonly requests: string[] = [];
  /** What of each file was sent: its path, and the range. */
  readonly ranges: [path: string, range: string][] = [];
  /** Requests that came with a token: their paths, and the header. */
  readonly authorized: [path: string, header: string][] = [];
  /** Paths whose connection the browser closed before the answer was complete. */
  readonly abandoned: string[] = [];

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, server.#host, resolve));
    return server;
  }

  get #host(): string {
    return this.#options.host ?? "127.0.0.1";
  }

  /** The origin, with a slash at the end. */
  get url(): string {
    return `http://${this.#host}:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #content(pathname: string): Uint8Array | undefined {
    if (pathname === "/") return Buffer.from(PAGE);
    const made = this.files.get(pathname);
    if (made !== undefined) return Buffer.from(made as Uint8Array);
    const mount = Object.entries(MOUNTS).find(([prefix]) => pathname.startsWith(prefix));
    if (!mount) return undefined;
    const folder = path.join(root, mount[1]);
    const file = path.join(folder, pathname.slice(mount[0].length));
    if (!file.startsWith(folder + path.sep)) return undefined;
    try {
      return readFileSync(file);
    } catch {
      return undefined; // nothing there, a folder, or no name that a file can have
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    let pathname: string;
    try {
      // Not `new URL`: to it, `//` begins the name of a host, and `..` is gone before anything could refuse it.
      pathname = decodeURIComponent((request.url ?? "/").split(/[?#]/, 1)[0]!);
    } catch {
      return void response.writeHead(400).end();
    }
    // What another origin asks before it sends a token.
    if (request.method === "OPTIONS") {
      const allowed = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Authorization, Range" };
      return void response.writeHead(this.#options.shared ? 204 : 403, this.#options.shared ? allowed : {}).end();
    }
    this.requests.push(pathname);
    if (request.headers.authorization) this.authorized.push([pathname, request.headers.authorization]);
    response.on("close", () => void (response.writableFinished || this.abandoned.push(pathname)));
    const [, part = "", value = ""] = pathname.split("/");
    const rest = (parts: number): string => `/${pathname.split("/").slice(parts).join("/")}`;
    const headers: Record<string, string | number> = {
      "Cache-Control": "no-store",
      "Content-Security-Policy": this.#options.policy ?? STRICT_POLICY,
      ...(this.#options.isolated && {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      }),
      // What a hub's content network lets be seen, and no more.
      ...(this.#options.shared && { "Access-Control-Allow-Origin": "*" }),
    };
    if (part === "never") return;
    if (part === "status") return void response.writeHead(Number(value), headers).end("no");
    if (part === "page") return void response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end(PAGE);
    const asked = pathname;
    if (part === "to") return void response.writeHead(307, { ...headers, Location: `http://127.0.0.1:${value}${rest(3)}` }).end();
    if (["slow", "whole", "gzip"].includes(part)) pathname = rest(2);
    const counted = ["cut", "trimmed", "broken-once", "busy", "changing"].includes(part);
    if (counted) pathname = rest(3);
    let content = this.#content(pathname);
    if (!content) return void response.writeHead(404, headers).end("not found");
    const times = this.requests.filter((one) => one === asked).length;
    if (part === "busy" && times <= Number(value)) return void response.writeHead(503, headers).end("busy");
    if (part === "trimmed") content = content.subarray(0, -Number(value));
    if (part === "gzip") {
      headers["Content-Encoding"] = "gzip";
      content = gzipSync(content);
    }
    headers["ETag"] = `"${createHash("sha256").update(content).digest("hex").slice(0, 16)}${part === "changing" ? Math.min(times, Number(value) + 1) : ""}"`;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const conditions = request.headers["if-range"] ?? headers["ETag"];
    const withRanges = !["whole", "gzip", "cut"].includes(part);
    let status = 200;
    if (withRanges && range && conditions === headers["ETag"]) {
      const [start, end] = [Number(range[1]), Math.min(content.byteLength, range[2] ? Number(range[2]) + 1 : Infinity)];
      if (start >= content.byteLength) return void response.writeHead(416, headers).end();
      headers["Content-Range"] = `bytes ${start}-${end - 1}/${content.byteLength}`;
      content = content.subarray(start, end);
      status = 206;
    }
    this.ranges.push([pathname, status === 206 ? String(headers["Content-Range"]) : "whole"]);
    headers["Content-Type"] = pathname === "/" ? "text/html" : (TYPES[path.extname(pathname)] ?? "application/octet-stream");
    headers["Content-Length"] = content.byteLength;
    response.writeHead(status, headers);
    // A moment later: what is on its way when a connection breaks may be lost.
    const breaks = part === "broken-once" ? times === 1 : part === "changing" && times <= Number(value);
    if (breaks) return void response.write(content.subarray(0, part === "changing" ? 1000 : Number(value)), () => setTimeout(() => response.destroy(), 20));
    if (part === "cut") return void response.write(content.subarray(0, Number(value)), () => response.destroy());
    if (part === "slow") return this.#trickle(content, response, asked);
    response.end(content);
  }

  #trickle(content: Uint8Array, response: ServerResponse, asked: string): void {
    let sent = 0;
    response.on("close", () => void (sent < content.byteLength && this.abandoned.push(asked)));
    const timer = setInterval(() => {
      if (response.destroyed) return clearInterval(timer);
      response.write(content.subarray(sent, (sent += 1024)));
      if (sent < content.byteLength) return;
      clearInterval(timer);
      response.end();
    }, 10);
  }
}

/** Bytes that were sent of the files that end so, since `from`. */
export const sent = (server: TestServer, from: number, end: string): number =>
  server.ranges.slice(from).reduce((bytes, [path, range]) => {
    if (!path.endsWith(end)) return bytes;
    const [, first, last] = /^bytes (\d+)-(\d+)/.exec(range) ?? [];
    return bytes + (last === undefined ? server.files.get(path)!.length : Number(last) - Number(first) + 1);
  }, 0);
