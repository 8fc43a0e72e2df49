import { describe, expect, it, vi } from "vitest";
import { FileChanged, readPhoto, RemoteFile } from "../../web/shared/remote_file.ts";
import { TRIES } from "../../web/shared/retry.ts";
import { BlobSource, readAll, type ByteRange, type Sink } from "../../web/shared/sources.ts";

const URL = "https://hub.test/m/model.safetensors";
const FILE = Uint8Array.from({ length: 5000 }, (_, index) => (index * 7 + (index >> 8)) % 256);

interface Asked {
  range?: string;
  ifRange?: string;
}

interface Play {
  /** Whether the server has ranges. */
  ranges?: boolean;
  /** Answers for the first requests, in place of the file. */
  first?: ((asked: Asked) => Response | Promise<Response>)[];
  /** The file's ETag, for each request. */
  etag?: (request: number) => string | undefined;
  /** Bytes of each answer after which the connection breaks. */
  cut?: (request: number) => number | undefined;
  /** What Content-Encoding says, and then the length is not the content's. */
  encoding?: string;
  /** Whether Content-Range can be seen. */
  exposed?: boolean;
  origin?: string;
}

/** A server that plays a part, and what it was asked. */
function server({ ranges = true, first = [], etag = () => '"a"', cut = () => undefined, encoding, exposed = true, origin = "https://hub.test" }: Play = {}) {
  const asked: Asked[] = [];
  const pauses: number[] = [];
  const fetch = async (_: string, { headers = {}, signal }: { headers?: Record<string, string>; signal: AbortSignal }) => {
    signal.throwIfAborted();
    const { Range: range, "If-Range": ifRange } = headers;
    const request = asked.push({ ...(range && { range }), ...(ifRange && { ifRange }) }) - 1;
    const play = first[request];
    if (play) return play(asked[request]!);
    const tag = etag(request);
    const fresh = ifRange === undefined || ifRange === tag;
    const match = ranges && fresh && range ? /^bytes=(\d+)-(\d*)$/.exec(range) : null;
    const [start, end] = match ? [Number(match[1]), Math.min(FILE.length, match[2] ? Number(match[2]) + 1 : Infinity)] : [0, FILE.length];
    if (start >= FILE.length) return new Response(null, { status: 416 });
    const whole = FILE.subarray(start, end);
    const sent = whole.subarray(0, cut(request));
    let at = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (at < sent.length) controller.enqueue(sent.slice(at, (at += 700)));
          else if (sent.length < whole.length) controller.error(new TypeError("network error"));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, {
      status: match ? 206 : 200,
      headers: {
        ...(encoding !== undefined ? { "content-encoding": encoding, "content-length": "77" } : { "content-length": String(whole.length) }),
        ...(match && exposed && { "content-range": `bytes ${start}-${end - 1}/${FILE.length}` }),
        ...(tag && { etag: tag }),
      },
    });
  };
  const sleep = async (milliseconds: number) => void pauses.push(milliseconds);
  return { network: { fetch, sleep, origin }, asked, pauses };
}

/** Takes the given ranges of a file, and checks every byte. */
class Checked implements Sink {
  readonly sizes: number[] = [];
  taken = 0;
  readonly #ranges: [number, number][];

  constructor(...ranges: ByteRange[]) {
    this.#ranges = ranges.map(([start, end]) => [start, end]);
  }
  wanted(): ByteRange | undefined {
    return this.#ranges[0];
  }
  take(offset: number, piece: Uint8Array): void {
    const wrong = piece.findIndex((byte, index) => byte !== FILE[offset + index]);
    if (wrong >= 0) throw new Error(`byte ${offset + wrong} is wrong`);
    this.taken += piece.byteLength;
    const end = offset + piece.byteLength;
    for (let range; (range = this.#ranges[0]) && end > range[0]; ) {
      if (offset > range[0]) throw new Error(`byte ${range[0]} was left out`);
      range[0] = Math.min(end, range[1]);
      if (range[0] < Math.min(range[1], FILE.length)) return;
      this.#ranges.shift();
    }
  }
  size(bytes: number): void {
    this.sizes.push(bytes);
  }
}

const { signal } = new AbortController();
const failure = (work: Promise<unknown>): Promise<Error> => work.then(() => expect.unreachable("it did not fail"), (error: Error) => error);

describe("a remote file", () => {
  it("cancels no answer of which all bytes have come, and one that has more than is wanted", async () => {
    const canceled: string[] = [];
    /** Sends what was asked for in two pieces, and ends only when it is asked for more. */
    const network = (whole: boolean) => ({
      origin: "https://app.test",
      sleep: async () => undefined,
      fetch: async (_url: string, { headers }: { headers?: unknown }) => {
        const [, from, to] = /bytes=(\d+)-(\d+)/.exec((headers as Record<string, string>)["Range"] ?? "") ?? [];
        const [start, end] = whole ? [0, FILE.length] : [Number(from), Math.min(Number(to) + 1, FILE.length)];
        let at = start;
        const body = new ReadableStream<Uint8Array>(
          {
            pull(stream) {
              if (at === end) return stream.close();
              const next = Math.min(end, at + Math.ceil((end - start) / 2));
              stream.enqueue(FILE.slice(at, next));
              at = next;
            },
            cancel: () => void canceled.push(`${at} of ${end}`),
          },
          { highWaterMark: 0 },
        );
        const range = whole ? {} : { "content-range": `bytes ${start}-${end - 1}/${FILE.length}` };
        return new Response(body, { status: whole ? 200 : 206, headers: { "content-length": String(end - start), ...range } });
      },
    });
    await new RemoteFile("https://app.test/m", network(false)).read(new Checked([0, 100], [4000, 4100]), signal);
    await new RemoteFile("https://app.test/m", network(true), { whole: true }).read(new Checked([0, FILE.length]), signal);
    expect(canceled).toEqual([]);
    await new RemoteFile("https://app.test/m", network(true), { whole: true }).read(new Checked([0, 100]), signal);
    expect(canceled).toHaveLength(1);
  });

  it("is read whole where the address is no server's: an extension answers a range with 200 and the part alone", async () => {
    const { network, asked } = server({ ranges: false });
    const sink = new Checked([0, 100], [2000, 2500]);
    await new RemoteFile("chrome-extension://abc/m/model.safetensors", network).read(sink, signal);
    expect(asked).toEqual([{}]);
    const broken = server({ ranges: false, cut: (request) => (request === 0 ? 3000 : undefined) });
    await new RemoteFile("chrome-extension://abc/m/model.safetensors", broken.network).read(new Checked([0, 5000]), signal);
    expect(broken.asked).toEqual([{}, {}]);
  });

  it("is read range by range, and no more of it", async () => {
    const { network, asked } = server();
    const sink = new Checked([0, 100], [2000, 2500], [4990, 6000]);
    await new RemoteFile(URL, network).read(sink, signal);
    expect(asked.map(({ range }) => range)).toEqual(["bytes=0-99", "bytes=2000-2499", "bytes=4990-5999"]);
    expect(sink).toMatchObject({ taken: 100 + 500 + 10, sizes: [FILE.length] });
  });

  it.each<[string, Play, number]>([
    ["ranges", {}, 2],
    ["no ranges", { ranges: false }, 1],
    ["ranges that it does not let be seen", { exposed: false, etag: () => undefined }, 2],
  ])("is read in one go or in parts: %s", async (_, play, requests) => {
    const { network, asked } = server(play);
    await new RemoteFile(URL, network).read(new Checked([0, 100], [4000, 4100]), signal);
    expect(asked).toHaveLength(requests);
  });

  it("that is encoded on the way is read as it is", async () => {
    const { network, asked } = server({ encoding: "gzip" });
    const sink = new Checked([0, 100], [1000, 5000]);
    await new RemoteFile(URL, network).read(sink, signal);
    expect(asked).toEqual([{ range: "bytes=0-99" }, {}]); // a part of what is encoded is of no use
    expect(sink.sizes).toEqual([]);
  });

  it("that is encoded by another server, which does not let that be seen, is read as it is", async () => {
    const { network } = server({ ranges: false, encoding: "", origin: "https://app.test" });
    const sink = new Checked([0, 100], [1000, 6000]);
    await new RemoteFile(URL, network).read(sink, signal);
    expect(sink.taken).toBe(FILE.length);
  });

  it.each(Array.from({ length: 20 }, (_, index) => 1 + index * 249))("goes on where the connection broke: after %i bytes", async (cut) => {
    for (const ranges of [true, false]) {
      const { network, asked } = server({ ranges, cut: (request) => (request === 0 ? cut : undefined) });
      await new RemoteFile(URL, network).read(new Checked([0, FILE.length]), signal);
      expect(asked).toEqual([{ range: "bytes=0-4999" }, { range: `bytes=${cut}-${ranges ? 4999 : ""}`, ifRange: '"a"' }]);
    }
  });

  it("goes on as often as it gets any further", async () => {
    const { network, asked } = server({ cut: () => 100 });
    await new RemoteFile(URL, network).read(new Checked([0, FILE.length]), signal);
    expect(asked).toHaveLength(50);
  });

  it("sends no conditions to other origins, which would have to allow them", async () => {
    const { network, asked } = server({ origin: "https://app.test", cut: (request) => (request === 0 ? 10 : undefined) });
    const elsewhere = { ...network, fetch: async (...args: Parameters<typeof network.fetch>) => Object.defineProperty(await network.fetch(...args), "url", { value: "https://cdn.test/x" }) };
    await new RemoteFile("https://app.test/m", elsewhere).read(new Checked([0, 100]), signal);
    expect(asked).toEqual([{ range: "bytes=0-99" }, { range: "bytes=10-99" }]);
  });

  it("is asked for again while the server is busy, after the pause that it wants", async () => {
    const busy = (status: number, headers = {}) => () => new Response("busy", { status, headers });
    const { network, asked, pauses } = server({ first: [busy(503), busy(429, { "retry-after": "7" })] });
    await new RemoteFile(URL, network).read(new Checked([0, 100]), signal);
    expect(asked).toHaveLength(3);
    expect(pauses[0]).toBeLessThan(1000);
    expect(pauses[1]).toBe(7000);
  });

  it("fails when the server stays busy, or wants a pause that is too long", async () => {
    const busy = () => new Response("busy", { status: 503 });
    const always = server({ first: Array.from({ length: 99 }, () => busy) });
    const error = await failure(new RemoteFile(URL, always.network).read(new Checked([0, 100]), signal));
    expect(error).toMatchObject({ code: "fetch", message: `${URL} answered 503` });
    expect(always.asked).toHaveLength(TRIES);
    const long = server({ first: [() => new Response("", { status: 429, headers: { "retry-after": "3600" } })] });
    await expect(new RemoteFile(URL, long.network).read(new Checked([0, 100]), signal)).rejects.toMatchObject({ code: "fetch" });
    expect(long.asked).toHaveLength(1);
  });

  it("is asked for without ranges where nothing answers to them", async () => {
    const lost = () => Promise.reject(new TypeError("Failed to fetch"));
    const { network, asked } = server({ first: [lost, lost] });
    await new RemoteFile(URL, network).read(new Checked([0, 100]), signal);
    expect(asked).toEqual([{ range: "bytes=0-99" }, { range: "bytes=0-99" }, {}]);
    const gone = server({ first: Array.from({ length: 99 }, () => lost) });
    const error = await failure(new RemoteFile(URL, gone.network).read(new Checked([0, 100]), signal));
    expect(error).toMatchObject({ code: "fetch", message: expect.stringMatching(/hub\.test.*Failed to fetch/) });
  });

  it.each<[string, Play]>([
    ["its ETag", { etag: (request) => `"${request}"` }],
    ["its ETag, without ranges", { ranges: false, etag: (request) => `"${request}"`, cut: (request) => (request === 0 ? 10 : undefined) }],
  ])("that changes in between is refused: %s", async (_, play) => {
    const { network } = server(play);
    await expect(new RemoteFile(URL, network).read(new Checked([0, 100], [2000, 2100]), signal)).rejects.toBeInstanceOf(FileChanged);
  });

  it.each<[string, () => Response, RegExp]>([
    ["404", () => new Response("no", { status: 404 }), /answered 404/],
    ["401", () => new Response("no", { status: 401 }), /answered 401.*token/],
    ["403", () => new Response("no", { status: 403 }), /answered 403.*token/],
    ["501", () => new Response("no", { status: 501 }), /answered 501/],
    ["HTML", () => new Response("<p>", { headers: { "content-type": "text/html; charset=utf-8" } }), /HTML page/],
    ["HTML in disguise", () => new Response("\n<!DOCTYPE html>"), /HTML page/],
    ["a part where the whole was asked for", () => new Response("x", { status: 206, headers: { "content-encoding": "br" } }), /part of the file/],
  ])("fails at once for %s, and names the address", async (_, answer, message) => {
    const { network, asked } = server({ first: Array.from({ length: 9 }, () => answer) });
    const error = await failure(new RemoteFile(URL, network).read(new Checked([0, 100]), signal));
    expect(error).toMatchObject({ code: "fetch", message: expect.stringMatching(message) });
    expect(error.message).toContain(URL);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it("that has less than is wanted ends, and says how long it was", async () => {
    const beyond = new Checked([0, 10], [6000, 6010]);
    await new RemoteFile(URL, server().network).read(beyond, signal);
    expect(beyond).toMatchObject({ taken: 10, sizes: [FILE.length] });
    const short = new Checked([0, 100]);
    await new RemoteFile(URL, server({ first: [() => new Response(FILE.slice(0, 50))] }).network).read(short, signal);
    expect(short).toMatchObject({ taken: 50, sizes: [50] });
  });

  it("of which nothing comes is an error in the end", async () => {
    const empty = server({ first: Array.from({ length: 99 }, () => () => new Response(null, { status: 206 })) });
    expect(await failure(new RemoteFile(URL, empty.network).read(new Checked([0, 100]), signal))).toMatchObject({ code: "fetch" });
  });

  it("ends at once with the signal, in a request, in a body and in a pause", async () => {
    const never = () => new Promise<never>(() => undefined);
    const hanging = new ReadableStream<Uint8Array>({ pull: () => never() });
    const plays: [Play, ((milliseconds: number, signal: AbortSignal) => Promise<void>)?][] = [
      [{ first: [() => new Response(hanging)] }],
      [{ first: [() => new Response("", { status: 503 })] }, (_, stop) => new Promise((_, reject) => stop.addEventListener("abort", () => reject(stop.reason as Error)))],
    ];
    for (const [play, sleep] of plays) {
      const { network } = server(play);
      const controller = new AbortController();
      const work = new RemoteFile(URL, { ...network, ...(sleep && { sleep }) }).read(new Checked([0, 100]), controller.signal);
      setTimeout(() => controller.abort("enough"));
      await expect(work).rejects.toBe("enough");
    }
  });

  it("to be read whole is asked for without ranges, and taken up with them", async () => {
    const { network, asked } = server({ cut: (request) => (request === 0 ? 1234 : undefined) });
    const sink = new Checked([0, FILE.length]);
    await new RemoteFile(URL, network, { whole: true }).read(sink, signal);
    expect(asked).toEqual([{}, { range: "bytes=1234-", ifRange: '"a"' }]);
  });
});

describe("a photo at an address", () => {
  it("is taken up where its connection broke, and asked for again while the server is busy", async () => {
    const busy = () => new Response("busy", { status: 503 });
    const { network, asked } = server({ first: [busy], cut: (request) => (request === 1 ? 1234 : undefined) });
    expect(await readPhoto(URL, network, signal)).toEqual(FILE);
    expect(asked).toEqual([{}, {}, { range: "bytes=1234-", ifRange: '"a"' }]);
  });

  it("fails at once where nothing answers: a server that refuses the page looks the same", async () => {
    vi.stubGlobal("location", { href: "https://app.test/" }); // as in a page; in Node there is no CORS
    const { network, asked } = server({ first: [() => Promise.reject(new TypeError("Failed to fetch"))] });
    await expect(readPhoto(URL, network, signal)).rejects.toMatchObject({ code: "fetch", message: expect.stringMatching(/CORS/) });
    expect(asked).toHaveLength(1);
    vi.unstubAllGlobals();
  });

  it("whose body fails in a way of its own, as an application's may, is a fetch error", async () => {
    const body = () => new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("mine")) });
    const { network } = server({ first: Array.from({ length: TRIES }, () => () => new Response(body())) });
    const error = await failure(readPhoto(URL, network, signal));
    expect(error).toMatchObject({ code: "fetch", message: `The connection to ${URL} broke after 0 bytes`, cause: { message: "mine" } });
  });

  it("that is announced as too large is not read", async () => {
    const { network } = server({ origin: "https://app.test" });
    await expect(readPhoto(URL, network, signal, 4999)).rejects.toMatchObject({ code: "too-large" });
    expect(await readPhoto(URL, network, signal, 5000)).toEqual(FILE);
  });
});

describe("a Blob", () => {
  it("is read range by range", async () => {
    const sink = new Checked([0, 100], [2000, 2500], [4990, 6000]);
    await new BlobSource(new Blob([FILE]), "w").read(sink, signal);
    expect(sink).toMatchObject({ taken: 610, sizes: [FILE.length] });
  });

  /** More than is read in one go: 70 MB, all different. */
  const LONG = Uint32Array.from({ length: 17_500_000 }, (_, index) => Math.imul(index, 2_654_435_761)).buffer;

  /** A Blob whose parts have streams of another kind. */
  const withStreams = (stream: (part: Blob, number: number) => ReadableStream<Uint8Array<ArrayBuffer>>): Blob => {
    let parts = 0;
    const altered = (blob: Blob): Blob =>
      Object.assign(blob, {
        slice: (...range: [number, number]) => {
          const part = altered(Blob.prototype.slice.apply(blob, range));
          parts += 1;
          return Object.assign(part, { stream: (number => () => stream(part, number))(parts) });
        },
      });
    return altered(new Blob([LONG]));
  };
  const streamOf = (part: Blob): ReadableStream<Uint8Array<ArrayBuffer>> => Blob.prototype.stream.call(part);

  it("that is long is read whole, with streams that fill our buffer and without", async () => {
    const plain = withStreams((part) => streamOf(part).pipeThrough(new TransformStream<Uint8Array<ArrayBuffer>>()));
    for (const one of [new Blob([LONG]), plain]) {
      const bytes = await readAll(new BlobSource(one, "w"), signal);
      expect(Buffer.from(bytes).equals(Buffer.from(LONG))).toBe(true);
    }
  });

  it("whose stream gives nothing more is read on by another one", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      let begun = 0;
      const source = withStreams((part, number) => {
        begun = number;
        if (number > 2) return streamOf(part);
        const start = Blob.prototype.slice.call(part, 0, 1_000_000).arrayBuffer();
        let left = 2;
        const pull = async (controller: ReadableByteStreamController) => {
          if ((left -= 1) === 0) return new Promise<void>(() => undefined);
          controller.enqueue(new Uint8Array(await start));
        };
        return new ReadableStream({ type: "bytes", pull });
      });
      const read = readAll(new BlobSource(source, "w"), signal);
      const hurry = setInterval(() => vi.advanceTimersByTime(1_000), 1);
      const bytes = await read.finally(() => clearInterval(hurry));
      expect(Buffer.from(bytes).equals(Buffer.from(LONG))).toBe(true);
      expect(begun).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that is empty, over the limit, or can't be read any more", async () => {
    expect(await readAll(new BlobSource(new Blob([]), "w"), signal)).toEqual(new Uint8Array());
    await expect(readAll(new BlobSource(new Blob([FILE]), "w"), signal, 4999)).rejects.toMatchObject({ code: "too-large" });
    const gone = () => new ReadableStream<Uint8Array<ArrayBuffer>>({ type: "bytes", pull: (controller) => controller.error(new Error("gone")) });
    const unreadable = { stream: gone, arrayBuffer: () => Promise.reject(new Error("gone")) };
    const deleted = Object.assign(new Blob([FILE]), { slice: () => Object.assign(new Blob([FILE]), unreadable) });
    for (const one of [deleted, withStreams(gone)]) {
      const error = await failure(readAll(new BlobSource(one, "w"), signal));
      expect(error).toMatchObject({ code: "fetch", message: "Could not read the file w: Error: gone" });
    }
  });
});
