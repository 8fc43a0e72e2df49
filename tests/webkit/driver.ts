/**
 * A WebKit of its makers', driven by the WebDriver that comes with it: windows that go to an address and run functions, which
 * is all that the tests ask. WebKitGTK's MiniBrowser has to have a display: it gets one of its own, that nobody sees.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";

/** What the set-up found (WEBKIT_DRIVER), or Debian's. */
export const WEBKIT_DRIVER = process.env["WEBKIT_DRIVER"] ?? "/usr/bin/WebKitWebDriver";
/** The display server. */
export const XVFB = process.env["XVFB"] ?? "/usr/bin/Xvfb";
/** Milliseconds for a start, a page and a function. */
const PATIENCE = 110_000;

/** What a WebKit is started with, beyond what it comes with. */
export interface Extras {
  /** Features to switch on, by the names that `MiniBrowser --features=help` lists. */
  features?: string[];
  /** Switches of its JavaScript engine, `JSC_…`. */
  environment?: Record<string, string>;
}

export class WebKit {
  readonly #processes: ChildProcess[];
  readonly #driver: string;
  #session = "";
  /** The window that the browser began with. It stays as it is. */
  #home = "";
  /** The window that the session is at, to which all commands go. */
  #at = "";
  /** Commands wait for each other, since each is to the window that the session is at. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(processes: ChildProcess[], port: number) {
    this.#processes = processes;
    this.#driver = `http://127.0.0.1:${port}`;
  }

  static async start({ features = [], environment = {} }: Extras = {}): Promise<WebKit> {
    // Not on the display that may be there: a browser would come up before the person who runs the tests.
    const screen = spawn(XVFB, ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
    const [display] = (await once(screen.stdout, "data")) as [Buffer];
    const port = await freePort();
    const env = { ...process.env, DISPLAY: `:${String(display).trim()}`, GDK_BACKEND: "x11", ...environment };
    const driver = spawn(WEBKIT_DRIVER, [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" });
    const webkit = new WebKit([driver, screen], port);
    await webkit.#open(features);
    return webkit;
  }

  async #open(features: string[]): Promise<void> {
    const args = ["--automation", ...(features.length ? [`--features=${features.map((name) => `+${name}`).join(",")}`] : [])];
    const options = process.env["WEBKIT_BROWSER"] ? { binary: process.env["WEBKIT_BROWSER"], args } : { args };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": options } };
    for (let tries = 50; ; tries -= 1) {
      try {
        this.#session = ((await this.#send("POST", "/session", { capabilities })) as { sessionId: string }).sessionId;
        break;
      } catch (error) {
        if (!(error instanceof TypeError) || tries === 0) throw error; // it does not listen yet
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    this.#at = this.#home = (await this.#command("GET", "/window")) as string;
    await this.#command("POST", "/timeouts", { script: PATIENCE, pageLoad: PATIENCE });
  }

  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.#driver + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = (await response.json()) as { value: { error: string; message: string } };
    if (!response.ok) throw new Error(`WebKit: ${value.error}: ${value.message}`);
    return value;
  }

  readonly #command = (method: string, path: string, body?: object) => this.#send(method, `/session/${this.#session}${path}`, body);

  /** Does something at a window, after all that was asked before. */
  #in<T>(handle: string, work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      if (this.#at !== handle) await this.#command("POST", "/window", { handle });
      this.#at = handle;
      return work();
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** A window of its own at an address. */
  async window(url: string): Promise<WebKitWindow> {
    const { handle } = (await this.#command("POST", "/window/new", { type: "tab" })) as { handle: string };
    await this.#in(handle, () => this.#command("POST", "/url", { url }));
    return {
      evaluate: async (work, argument) => {
        const args = [JSON.stringify(argument) ?? null];
        const answer = await this.#in(handle, () => this.#command("POST", "/execute/async", { script: caller(String(work)), args }));
        const { value, error } = JSON.parse(answer as string) as { value?: unknown; error?: string };
        if (error !== undefined) throw new Error(error);
        return value as never;
      },
      close: () =>
        this.#in(handle, async () => {
          await this.#command("DELETE", "/window");
          // The first answer after it may be that there is no such window, whatever was asked.
          const home = () => this.#command("POST", "/window", { handle: this.#home });
          await home().catch(home);
          this.#at = this.#home;
        }),
    };
  }

  async close(): Promise<void> {
    await this.#command("DELETE", "").catch(() => undefined);
    for (const child of this.#processes) child.kill();
  }
}

export interface WebKitWindow {
  /** Runs a function in the page. What goes there and comes back is what JSON can hold. */
  evaluate<Argument, Result>(work: (argument: Argument) => Result | Promise<Result>, argument?: Argument): Promise<Result>;
  close(): Promise<void>;
}

/** The body of WebDriver's function around one of ours. */
const caller = (work: string): string => `
  const [argument, done] = arguments;
  new Promise((resolve) => resolve((${work})(argument === null ? undefined : JSON.parse(argument)))).then(
    (value) => done(JSON.stringify({ value })),
    (error) => done(JSON.stringify({ error: error + "\\n" + (error && error.stack) })),
  );`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Why there is no WebKit to be tested, if there is none. */
export const missing = [WEBKIT_DRIVER, XVFB].filter((program) => !existsSync(program)).map((program) => `there is no ${program}`)[0];
