import { describe, expect, it } from "vitest";
import { ClipVisionError } from "../../web/shared/errors.ts";
import { readPhoto, RemoteFile } from "../../web/shared/remote_file.ts";
import { readAll, type ByteRange, type Sink } from "../../web/shared/sources.ts";

const URL = "https://hub.test/m/model.safetensors";
/** 200,000 have been played; these take some seconds. */
const ROUNDS = 4000;
/** Bytes that a file may have here, and of one piece of a body. */
const MOST = 3000;
const PIECE = 600;

/** Numbers that a seed decides on. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }
  oneIn(many: number): boolean {
    return this.below(many) === 0;
  }
  of<T>(...all: T[]): T {
    return all[this.below(all.length)]!;
  }
}

/** What is right: byte `at` of the file in its state `version`. */
const byteOf = (at: number, version: number): number => (at * 7 + (at >> 8) + version * 101 + 13) % 256;

/**
 * A server that lies: in each answer by some chance, in every way that can be noticed. A byte that it sends as the file's byte
 * `n`, and within the size that it has announced, is that byte, of a state that its validators tell apart.
 */
class LyingServer {
  readonly size: number;
  requests = 0;
  pulled = 0;
  version = 0;
  /** The sizes that it has announced, where that counts. */
  readonly announced = new Set<number>();
  /** Where its answers have ended as if that were all. */
  readonly ends = new Set<number>();
  readonly #random: Random;
  readonly #often: number;
  readonly #tag: "strong" | "weak" | "date";
  readonly #ranges: boolean;
  readonly #exposed: boolean;
  readonly #origin: string;
  /** What it says the size is. */
  readonly #said: number;

  constructor(random: Random) {
    this.#random = random;
    this.size = random.of(0, 1, 15, 16, random.below(100), random.below(MOST), random.below(MOST));
    this.#often = random.of(2, 5, 20, 1_000_000);
    this.#tag = random.of("strong", "weak", "date");
    this.#ranges = !random.oneIn(4);
    this.#exposed = !random.oneIn(4);
    this.#origin = random.of("https://hub.test", "https://hub.test", "https://cdn.test");
    this.#said = random.oneIn(6) ? random.below(2 * MOST) : this.size;
  }

  readonly fetch = async (_: string, { headers = {}, signal }: { headers?: Record<string, string>; signal: AbortSignal }): Promise<Response> => {
    signal.throwIfAborted();
    this.requests += 1;
    const random = this.#random;
    const lies = (): boolean => random.oneIn(this.#often);
    if (lies()) throw new TypeError("Failed to fetch");
    if (lies()) {
      const status = random.of(204, 205, 304, 400, 404, 416, 416, 429, 500, 501, 503);
      const after = random.of("", "0", "-1", "1e9", "99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT", "soon");
      return new Response([204, 205, 304].includes(status) ? null : "no", { status, headers: { "retry-after": after } });
    }
    if (lies()) this.version += 1;
    const asked = /^bytes=(\d+)-(\d*)$/.exec(headers["Range"] ?? "");
    const partial = asked !== null && this.#ranges && !lies();
    let [start, end] = partial ? [Number(asked[1]), Math.min(this.size, asked[2] ? Number(asked[2]) + 1 : Infinity)] : [0, this.size];
    if (partial && start >= this.size) return new Response(null, { status: 416, headers: { "content-range": `bytes */${this.size}` } });
    // Another part than was asked for, which it says.
    const moved = partial && this.#exposed && lies();
    if (moved) start = random.below(this.size);
    if (partial && lies()) end = start + random.below(this.size);
    const size = lies() && this.#exposed ? this.#said + random.below(3) : this.#said;
    const length = Math.max(0, end - start);
    const encoded = lies();
    const own = this.#origin === "https://hub.test";
    const said = lies() ? random.of(`${random.below(MOST)}`, "many", "9".repeat(400), "-1") : `${partial ? length : this.#said}`;
    const visible = (this.#exposed || !partial) && !random.oneIn(3);
    if (partial && this.#exposed && !moved && !encoded) this.announced.add(size);
    if (!partial && visible && own && !encoded && /^\d+$/.test(said)) this.announced.add(Number(said));
    const tag = `"${this.version}"`;
    const empty = lies();
    if (empty) this.ends.add(start);
    const response = new Response(empty ? null : this.#body(start, length, lies), {
      status: partial || (asked && moved) ? 206 : 200,
      headers: {
        "content-type": lies() ? "text/html; charset=utf-8" : "application/octet-stream",
        ...(visible && { "content-length": said }),
        ...(encoded && { "content-encoding": "gzip" }),
        ...(partial && this.#exposed && { "content-range": `bytes ${start}-${end - 1}/${size}` }),
        ...(this.#tag === "date" ? { "last-modified": `day ${this.version}` } : { etag: this.#tag === "weak" ? `W/${tag}` : tag }),
      },
    });
    return Object.defineProperty(response, "url", { value: `${this.#origin}/m/model.safetensors` });
  };

  /** The file's bytes from `start` on; cut, or broken off, or with others behind them, even without end. */
  #body(start: number, length: number, lies: () => boolean): ReadableStream<Uint8Array<ArrayBuffer>> {
    const [random, { version, size }] = [this.#random, this];
    const ends = lies() ? random.of("early", "broken", "long", "endless") : "well";
    const last = ends === "early" || ends === "broken" ? random.below(length + 1) : ends === "long" ? length + random.below(MOST) : ends === "endless" ? Infinity : length;
    let at = 0;
    return new ReadableStream(
      {
        pull: (controller) => {
          if (at < last) {
            const piece = Uint8Array.from({ length: Math.min(last - at, 1 + random.below(PIECE)) }, (_, index) => {
              const place = start + at + index;
              return place < size ? byteOf(place, version) : 0xee;
            });
            at += piece.length;
            this.pulled += piece.length;
            controller.enqueue(piece);
          } else if (ends === "broken") {
            controller.error(new TypeError("network error"));
          } else {
            controller.close();
            this.ends.add(start + at);
          }
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Wants some ranges, as a loader does; what comes must be right, and nothing may be left out. */
class Ranges implements Sink {
  pieces: [number, Uint8Array][] = [];
  readonly ranges: [number, number][] = [];
  #at = 0;

  constructor(random: Random) {
    for (let at = random.oneIn(2) ? 0 : random.below(MOST); this.ranges.length < 4; at += random.below(500)) {
      this.ranges.push([at, (at += 1 + random.below(500))]);
    }
  }
  wanted(): ByteRange | undefined {
    return this.ranges[0];
  }
  take(offset: number, piece: Uint8Array): void {
    if (offset < this.#at) throw new Error(`a piece at ${offset} after ${this.#at}`);
    this.#at = offset + piece.byteLength;
    this.pieces.push([offset, piece.slice()]);
    for (let range; (range = this.ranges[0]) && this.#at > range[0]; ) {
      if (offset > range[0]) throw new Error(`byte ${range[0]} was left out`);
      range[0] = Math.min(this.#at, range[1]);
      if (range[0] < range[1]) return;
      this.ranges.shift();
    }
  }
  size(): void {}
}

/** Errors of the reader, and not of its sink or of what it is made of. */
const isOwn = (error: unknown): boolean => error instanceof ClipVisionError && ["fetch", "too-large"].includes(error.code);

/** Which states of the file the bytes at `offset` may be of. */
const statesOf = (offset: number, bytes: Uint8Array, versions: number): number[] =>
  Array.from({ length: versions + 1 }, (_, version) => version).filter((version) => bytes.every((byte, index) => byte === byteOf(offset + index, version)));

describe("a server that lies", () => {
  it(`has its file read rightly or refused, in ${ROUNDS} rounds`, async () => {
    const outcomes = { read: 0, short: 0, refused: 0 };
    for (let seed = 0; seed < ROUNDS; seed++) {
      const random = new Random(seed);
      const server = new LyingServer(random);
      const most = random.of(MOST, MOST, 500);
      const network = { fetch: server.fetch, sleep: async () => {}, origin: "https://hub.test" };
      const whole = !random.oneIn(3);
      const sink = new Ranges(random);
      const { signal } = new AbortController();
      const read = async (): Promise<Uint8Array | undefined> => {
        if (!whole) return void (await new RemoteFile(URL, network).read(sink, signal));
        return random.oneIn(2) ? readPhoto(URL, network, signal, most) : readAll(new RemoteFile(URL, network, { whole, most }), signal, most);
      };
      const bytes = await read().catch((error: unknown) => {
        if (!isOwn(error)) throw new Error(`seed ${seed}`, { cause: error });
        return "refused" as const;
      });
      outcomes[bytes === "refused" ? bytes : whole || !sink.wanted() ? "read" : "short"] += 1;
      if (bytes instanceof Uint8Array) {
        expect(bytes.byteLength, `seed ${seed}`).toBeLessThanOrEqual(most);
        // All of it; or all that it said it has; or, where it has not said that, up to where it ended.
        const isAll = server.announced.size > 0 ? server.announced.has(bytes.byteLength) : server.ends.has(bytes.byteLength);
        expect(isAll || bytes.byteLength === server.size, `seed ${seed}: ${bytes.byteLength} of ${server.size} bytes`).toBe(true);
        expect(statesOf(0, bytes.subarray(0, server.size), server.version), `seed ${seed}`).not.toEqual([]);
      }
      // What was taken is right, and all of one state.
      const common = sink.pieces.reduce<number[] | undefined>((states, [offset, piece]) => {
        const known = piece.subarray(0, Math.max(0, server.size - offset));
        const now = statesOf(offset, known, server.version);
        return states === undefined ? now : states.filter((state) => now.includes(state));
      }, undefined);
      expect(common, `seed ${seed}`).not.toEqual([]);
      // No body is read for long after what is wanted of it.
      expect(server.pulled, `seed ${seed}: ${server.requests} requests`).toBeLessThanOrEqual(server.requests * 2 * (MOST + PIECE));
      expect(server.requests, `seed ${seed}`).toBeLessThan(MOST);
    }
    expect(Math.min(...Object.values(outcomes)), JSON.stringify(outcomes)).toBeGreaterThan(ROUNDS / 50);
  });

  /** A body without end, of pieces of 1000 bytes; after `most` of them it stays silent. */
  const endless = (headers: Record<string, string>, status: number, most = Infinity) => {
    let pieces = 0;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<never> | void =>
      pieces < most ? controller.enqueue(new Uint8Array(1000).fill((pieces += 1))) : new Promise<never>(() => {});
    const fetch = async () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status, headers });
    return { network: { fetch, sleep: async () => {}, origin: "https://hub.test" }, pieces: () => pieces };
  };

  it("sends no more than it announced, or than is allowed, though its answer has no end", async () => {
    const { signal } = new AbortController();
    const announced = endless({ "content-length": "2500" }, 200);
    expect((await readPhoto(URL, announced.network, signal)).byteLength).toBe(2500);
    expect(announced.pieces()).toBe(3);
    const silent = endless({}, 200);
    await expect(readPhoto(URL, silent.network, signal, 5000)).rejects.toMatchObject({ code: "too-large" });
    expect(silent.pieces()).toBe(6);
    const part = endless({ "content-range": "bytes 0-99/1500" }, 206);
    const taken: number[] = [];
    const sink: Sink = { wanted: () => [taken.reduce((sum, piece) => sum + piece, 0), 9000], take: (_, piece) => void taken.push(piece.byteLength), size: () => {} };
    await new RemoteFile(URL, part.network).read(sink, signal);
    expect([taken, part.pieces()]).toEqual([[1000, 500], 2]);
  });

  it("and then says nothing any more is left when the call is taken back", async () => {
    const stuck = endless({}, 200, 3);
    const controller = new AbortController();
    const reading = readPhoto(URL, stuck.network, controller.signal);
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(reading).rejects.toThrow("enough");
  });

  it("and breaks off is not believed that this was all", async () => {
    const { signal } = new AbortController();
    let request = 0;
    const broken = (second: () => Response) => ({
      fetch: async () => {
        if ((request += 1) % 2 === 0) return second();
        let sent = false;
        const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
          if (sent) return controller.error(new TypeError("network error"));
          controller.enqueue(new Uint8Array(100));
          sent = true;
        };
        return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
      },
      sleep: async () => {},
      origin: "https://hub.test",
    });
    for (const second of [() => new Response(null, { status: 416 }), () => new Response(new Uint8Array(40))]) {
      request = 0;
      await expect(readPhoto(URL, broken(second), signal)).rejects.toMatchObject({ code: "fetch" });
    }
    // It was, if the server says how long the file is.
    request = 0;
    const end = () => new Response(null, { status: 416, headers: { "content-range": "bytes */100" } });
    expect((await readPhoto(URL, broken(end), signal)).byteLength).toBe(100);
    // Nor where it has said how much there is.
    let cut = 0;
    const fetch = async () => new Response(new Uint8Array(100), cut++ ? { status: 206, headers: {} } : { headers: { "content-length": "300" } });
    await expect(readPhoto(URL, { fetch, sleep: async () => {}, origin: "https://hub.test" }, signal)).rejects.toMatchObject({ code: "fetch" });
  });
});
