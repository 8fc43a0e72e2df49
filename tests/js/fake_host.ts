/** A dispatcher with stand-ins around it: a server, a store, an engine that computes nothing. */

import { createHash } from "node:crypto";
import { ClipVisionError } from "../../web/shared/errors.ts";
import type { Request, Response as Message, WireLoad } from "../../web/shared/protocol.ts";
import type { Store, Writer } from "../../web/shared/store.ts";
import { Dispatcher, type Host } from "../../web/worker/dispatcher.ts";
import { seldom, type Seldom } from "../../web/worker/seldom.ts";
import { loadText } from "../../web/worker/text_loading.ts";
import { Texts, type CreateTokenizer } from "../../web/worker/texts.ts";
import { FakeEngine } from "./fakes.ts";

const noGpu: Host["loading"]["gpu"] = () => Promise.reject(new Error("fakes have no GPU"));

/** A store in memory. */
export class MemoryStore implements Store {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Bytes after which there is no more room. */
  room = Infinity;
  /** Bytes that are read in place of a file's. */
  readonly read = async (name: string): Promise<Blob | undefined> => {
    const bytes = this.files.get(name);
    return bytes && new Blob([bytes]);
  };
  async create(name: string): Promise<Writer> {
    let bytes = new Uint8Array();
    this.files.set(name, bytes);
    return {
      write: (at, piece) => {
        const grown = new Uint8Array(Math.max(bytes.byteLength, at + piece.byteLength));
        grown.set(bytes);
        grown.set(piece, at);
        bytes = grown;
        if ((this.room -= piece.byteLength) < 0) throw new DOMException("full", "QuotaExceededError");
        this.files.set(name, bytes);
      },
      close: async () => undefined,
      discard: async () => void this.files.delete(name),
    };
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }
  async modified(): Promise<number> {
    return Date.now();
  }
}

/** What the browser decodes of any file that begins with "avif". */
const DECODED = { width: 40, height: 30 };

export interface Served {
  status?: number;
  body?: string | ReadableStream<Uint8Array> | (() => ReadableStream<Uint8Array>);
  headers?: Record<string, string>;
}


const browserPixels: Seldom["readPixels"] = async (source, edge = 1000) => {
  const value = "width" in source && source.width === DECODED.width ? 9 : 7;
  const width = value === 9 ? Math.min(DECODED.width, edge) : 1;
  const data = new Uint8Array(4 * width).fill(value);
  if (value === 7) data[3] = 255;
  return { pixels: { kind: "pixels", data, width, height: 1, channels: 4 }, noisy: false as const };
};

const fakeTokenizer: CreateTokenizer = (files) => {
  const content = new TextDecoder().decode("json" in files ? files.json : files.vocab);
  if (content === "bad") throw new ClipVisionError("config", "no tokenizer");
  return { ids: (given, longest) => Uint32Array.from([...given].slice(0, longest), (letter) => letter.codePointAt(0)!) };
};

/** What stands in for the browser, besides what a host has. */
export interface Stand {
  readPixels?: Seldom["readPixels"];
  decodeInBrowser?: Seldom["decodeInBrowser"];
  /** Gets the text script's. */
  tokenizers?: () => Promise<CreateTokenizer>;
}

/** A dispatcher with fakes around it, and what it has posted. */
export function dispatcherWith(
  served: Record<string, Served> = {},
  {
    readPixels = browserPixels,
    decodeInBrowser = async (bytes) =>
      new TextDecoder().decode(bytes).startsWith("avif") ? ({ ...DECODED, close: () => undefined } as ImageBitmap) : undefined,
    tokenizers = async () => fakeTokenizer,
    ...override
  }: Partial<Host> & Stand = {},
) {
  const engine = new FakeEngine();
  const posted: Message[] = [];
  const transferred: Transferable[][] = [];
  const fetched: string[] = [];
  const waiters: (() => void)[] = [];
  const host: Host = {
    post: (message, transfer = []) => {
      posted.push(message);
      transferred.push(transfer);
      for (const waiter of waiters.splice(0)) waiter();
    },
    startEngine: async () => engine,
    fetch: async (url, { signal }) => {
      fetched.push(url);
      signal.throwIfAborted();
      const { status = 200, body = "", headers = {} } = served[url] ?? { status: 404 };
      return new Response(typeof body === "function" ? body() : body, { status, headers });
    },
    loading: {
      sleep: async () => undefined,
      origin: "https://models.test",
      openStore: async () => {
        throw new DOMException("private", "SecurityError");
      },
      lock: (_, __, work) => work(),
      gpu: noGpu,
    },
    seldom: async () => ({ ...seldom, decodeInBrowser, readPixels }),
    texts: async () => ({ createTokenizer: await tokenizers(), loadText, Texts }),
    nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
    now: () => performance.now(),
    ...override,
  };
  const dispatcher = new Dispatcher(host);
  /** The message that settles call `id`. */
  const settled = async (id: number): Promise<Message> => {
    for (;;) {
      const message = posted.find((one) => ["done", "failed", "crashed"].includes(one.type) && "id" in one && one.id === id);
      if (message) return message;
      await new Promise<void>((resolve) => waiters.push(resolve));
    }
  };
  const call = (request: Extract<Request, { id: number }>): Promise<Message> => {
    dispatcher.handle(request);
    return settled(request.id);
  };
  return { dispatcher, host, engine, posted, transferred, fetched, call, settled };
}

const folder = "https://models.test/m";

/** A served model, and the load that asks for it. */
export const MODEL: Record<string, Served> = {
  [`${folder}/config.json`]: { body: "{}" },
  [`${folder}/preprocessor_config.json`]: { body: "{pre}" },
  [`${folder}/model.safetensors`]: { body: "weights", headers: { "content-length": "7" } },
};

export const load = (more: Partial<WireLoad> = {}): WireLoad => ({
  model: {
    config: { url: `${folder}/config.json` },
    preprocessor: { url: `${folder}/preprocessor_config.json`, optional: true },
    processor: { url: `${folder}/processor_config.json`, optional: true },
    weights: { url: `${folder}/model.safetensors` },
    tokenizer: { url: `${folder}/tokenizer.json`, optional: true },
    vocab: { url: `${folder}/vocab.json`, optional: true },
    merges: { url: `${folder}/merges.txt`, optional: true },
    wordPieces: { url: `${folder}/vocab.txt`, optional: true },
    tokenizerConfig: { url: `${folder}/tokenizer_config.json`, optional: true },
  },
  name: "m",
  cache: "off",
  fetchOnPage: false,
  decodeOnPage: [],
  ...more,
});

/** What one page after the other does with one store. */
export function machine(served: Record<string, Served> = {}) {
  const store = new MemoryStore();
  const files: Record<string, Served> = { ...MODEL, [`${folder}/tokenizer.json`]: { body: "{words}" }, ...served };
  let locks = Promise.resolve();
  /** A page: loads the model, asks for a text if told to, and says what came of it. */
  const page = async (
    more: Partial<WireLoad> = {},
    { text: asksText = false, open = async () => store as never, host = {} as Partial<Host> & Stand, gpu = noGpu } = {},
  ) => {
    const all = dispatcherWith(files, {
      ...host,
      loading: {
        sleep: async () => undefined,
        origin: "https://models.test",
        openStore: open,
        lock: (_, __, work) => {
          const mine = locks.then(work);
          locks = mine.then(
            () => undefined,
            () => undefined,
          );
          return mine;
        },
        gpu,
      },
    });
    const answer = await all.call({ type: "load", id: 1, argument: load({ cache: "on", ...more }) });
    const answers = [answer];
    if (asksText) answers.push(await all.call({ type: "embedTexts", id: 2, argument: ["dog"] }));
    const warnings = all.posted.flatMap((one) => (one.type === "warning" ? [one.warning.code] : []));
    return { ...all, answers, warnings, outcomes: answers.map(({ type }) => type) };
  };
  return { store, files, page };
}

/** As `integrity` has it. */
export const sha256 = (content: string): string => createHash("sha256").update(content).digest("hex");
