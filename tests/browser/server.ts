/**
 * A server on loopback that plays every part: the package, the golden files, files that a test makes up, and what can go
 * wrong on the way, by the first part of the path:
 *
 *     /status/503/golden/…      that status
 *     /page/golden/…            200, and an HTML page
 *     /cut/1000/golden/…        the right length, and a connection that ends after so many bytes
 *     /slow/golden/…            a kilobyte every 10 ms
 *     /never/golden/…           no answer at all
 *
 * Every answer carries the strict policy that the package promises to work with.
 */

import { readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const MOUNTS = {
  "/dist/": "dist",
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
}

export class TestServer {
  readonly #server: Server;
  readonly #options: ServerOptions;
  /** Files that a test made up, by path. */
  readonly files = new Map<string, Uint8Array | string>();
  /** Every path that was asked for. */
  readonly requests: string[] = [];
  /** Paths whose connection the browser closed before the answer was complete. */
  readonly abandoned: string[] = [];

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** The origin, with a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
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
    const file = path.join(root, mount[1], path.normalize(pathname.slice(mount[0].length)));
    return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    let pathname = decodeURIComponent(new URL(request.url ?? "/", this.url).pathname);
    this.requests.push(pathname);
    response.on("close", () => void (response.writableFinished || this.abandoned.push(pathname)));
    const [, part = "", value = ""] = pathname.split("/");
    const rest = (parts: number): string => `/${pathname.split("/").slice(parts).join("/")}`;
    const headers: Record<string, string | number> = {
      "Cache-Control": "no-store",
      "Content-Security-Policy": this.#options.policy ?? STRICT_POLICY,
      ...(this.#options.shared && { "Access-Control-Allow-Origin": "*" }),
    };
    if (part === "never") return;
    if (part === "status") return void response.writeHead(Number(value), headers).end("no");
    if (part === "page") return void response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end(PAGE);
    const asked = pathname;
    if (part === "slow") pathname = rest(2);
    if (part === "cut") pathname = rest(3);
    const content = this.#content(pathname);
    if (!content) return void response.writeHead(404, headers).end("not found");
    headers["Content-Type"] = pathname === "/" ? "text/html" : (TYPES[path.extname(pathname)] ?? "application/octet-stream");
    headers["Content-Length"] = content.byteLength;
    response.writeHead(200, headers);
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
