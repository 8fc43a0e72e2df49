/** Both halves of the calls between page and worker, joined without a worker: every call settles, once. */

import { describe, expect, it } from "vitest";
import type { PhotoDecoder } from "../../web/page/decoding.ts";
import { pageService } from "../../web/page/page_service.ts";
import { ClipVisionError } from "../../web/shared/errors.ts";
import type { PageCalls } from "../../web/shared/protocol.ts";
import type { Answer, Call } from "../../web/shared/rpc.ts";
import { RpcClient } from "../../web/shared/rpc_client.ts";
import { RpcServer, type Moved } from "../../web/shared/rpc_server.ts";

interface Sums {
  double: { argument: number; result: number };
  join: { argument: string[]; result: string };
}

/** A client and a server whose messages are cloned on their way, as between page and worker. */
function joined(run: (call: Call<Sums>, signal: AbortSignal) => Promise<Moved<number | string>>, inOrder = false) {
  const posted: Answer<Sums>[] = [];
  const server = new RpcServer<Sums>({
    inOrder,
    run,
    post: (message, transfer) => {
      posted.push(structuredClone(message, { transfer: transfer as never }));
      client.receive(posted.at(-1)!);
    },
  });
  const client = new RpcClient<Sums>((message, transfer) => server.handle(structuredClone(message, { transfer: transfer as never })));
  return { client, server, posted };
}

const turn = (milliseconds = 0) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const doubled = async (call: Call<Sums>): Promise<Moved<number | string>> =>
  [call.type === "double" ? 2 * call.argument : call.argument.join(""), []];

describe("a call", () => {
  it("is answered with its own, whichever ends first; in order if that is wanted", async () => {
    const ends: number[] = [];
    const run = async (call: Call<Sums>): Promise<Moved<number | string>> => {
      await turn(call.type === "double" ? call.argument : 0);
      ends.push(call.id);
      return doubled(call);
    };
    const { client } = joined(run);
    expect(await Promise.all([client.call("double", 20), client.call("join", ["a", "b"])])).toEqual([40, "ab"]);
    expect(ends.splice(0)).toEqual([2, 1]);
    const ordered = joined(run, true);
    expect(await Promise.all([ordered.client.call("double", 20), ordered.client.call("double", 1)])).toEqual([40, 2]);
    expect(ends).toEqual([1, 2]);
  });

  it("in order is answered before the next one begins", async () => {
    const { client, posted } = joined(async (call) => {
      expect(posted).toHaveLength(call.id - 1);
      return doubled(call);
    }, true);
    expect(await Promise.all([1, 2, 3].map((one) => client.call("double", one)))).toEqual([2, 4, 6]);
  });

  it("that fails rejects with the error, or with what its answer can't be sent for", async () => {
    const { client } = joined(async ({ id }) => {
      if (id === 1) throw new ClipVisionError("decode", "cut short");
      return [(() => undefined) as unknown as number, []];
    });
    await expect(client.call("double", 1)).rejects.toMatchObject({ code: "decode", message: "cut short" });
    await expect(client.call("double", 1)).rejects.toMatchObject({ name: "DataCloneError" });
  });

  it("that can't be sent rejects, and spoils nothing", async () => {
    const { client } = joined(doubled);
    await expect(client.call("double", (() => undefined) as unknown as number)).rejects.toMatchObject({ code: "invalid-argument" });
    expect(await client.call("double", 4)).toBe(8);
  });

  it("that is canceled rejects at once, is aborted, and not answered", async () => {
    let aborted = 0;
    const { client, posted } = joined(async (call, signal) => {
      signal.addEventListener("abort", () => (aborted += 1));
      await turn(1);
      return doubled(call);
    });
    const controller = new AbortController();
    const work = client.call("double", 1, { signal: controller.signal });
    controller.abort("enough");
    await expect(work).rejects.toBe("enough");
    await expect(client.call("double", 1, { signal: controller.signal })).rejects.toBe("enough");
    expect(await client.call("double", 3)).toBe(6);
    expect(aborted).toBe(1);
    expect(posted.map(({ id }) => id)).toEqual([2]);
  });
});

describe("the end", () => {
  it("of the client rejects what is pending, the culprit with the cause, and all that comes later", async () => {
    const { client } = joined(() => new Promise(() => undefined));
    const [first, second] = [client.call("double", 1), client.call("double", 2)].map((call) => call.catch((error: unknown) => error));
    const cause = new Error("why");
    const error = new Error("that", { cause });
    client.end(error, 2);
    expect(await first).toBe(error);
    expect(await second).toBe(cause);
    await expect(client.call("double", 3)).rejects.toBe(error);
    expect(client.ended).toBe(true);
  });

  it("of the server aborts what runs, and answers nothing", async () => {
    const signals: AbortSignal[] = [];
    const { client, server, posted } = joined(async (call, signal) => {
      signals.push(signal);
      await turn(1);
      return doubled(call);
    });
    void client.call("double", 1);
    server.stop();
    void client.call("double", 2);
    await turn(5);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(posted).toEqual([]);
  });
});

describe("the page's service", () => {
  const decode = async (decoder: PhotoDecoder | undefined) => {
    const answers: Answer<PageCalls>[] = [];
    const service = pageService({ decoders: decoder && { "image/heic": decoder }, maxPixels: 10 }, (message) => void answers.push(message));
    service.handle({ type: "decode", id: 7, argument: { type: "image/heic", bytes: Uint8Array.of(1, 2) } });
    await expect.poll(() => answers.length).toBe(1);
    return answers[0];
  };

  it("calls the application's decoder of a type, and checks its pixels", async () => {
    const data = Uint8Array.of(1, 2, 3, 4);
    const good: PhotoDecoder = async (bytes) => ({ data, width: bytes.length - 1, height: 1 });
    expect(await decode(good)).toMatchObject({ type: "done", id: 7, result: { data, width: 1, height: 1, channels: 4 } });
    const memory = Uint8Array.from([...Array(8).fill(0), 9, 8, 7, 6]);
    const view = await decode(async () => ({ data: memory.subarray(8), width: 1, height: 1 }));
    const sent = (view as Extract<Answer<PageCalls>, { type: "done" }>).result as { data: Uint8Array };
    expect([...sent.data, sent.data.buffer.byteLength]).toEqual([9, 8, 7, 6, 4]);
    const short = await decode(async () => ({ data, width: 2, height: 1 }));
    expect(short).toMatchObject({ type: "failed", error: { code: "decode", message: expect.stringMatching(/image\/heic failed: 2 x 1 pixels/) } });
    const broken = await decode(() => Promise.reject(new Error("no wasm")));
    expect(broken).toMatchObject({ type: "failed", error: { code: "decode", message: expect.stringMatching(/no wasm/) } });
    const large = await decode(async () => ({ data: new Uint8Array(44), width: 11, height: 1 }));
    expect(large).toMatchObject({ type: "failed", error: { code: "too-large" } });
    expect(await decode(undefined)).toMatchObject({ type: "failed", error: { code: "unsupported-format" } });
  });

  const bodyOf = async (refusesStreams: boolean) => {
    const answers: Answer<PageCalls>[] = [];
    const fetch = async () => new Response("content", { status: 203 });
    const service = pageService({ fetch }, (message, transfer) => {
      if (refusesStreams && transfer.length > 0) throw new DOMException("no streams", "DataCloneError");
      answers.push(message);
    });
    service.handle({ type: "fetch", id: 1, argument: { url: "https://m.test/a", purpose: "model" } });
    await expect.poll(() => answers.length).toBe(1);
    const [answer] = answers as [Extract<Answer<PageCalls>, { type: "done" }>];
    expect(answer).toMatchObject({ type: "done", id: 1, result: { url: "https://m.test/a", status: 203 } });
    return "body" in answer.result ? answer.result.body : undefined;
  };

  it("hands a body over as a stream, or whole where streams can't move", async () => {
    const [stream, blob] = [await bodyOf(false), await bodyOf(true)];
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(blob).toBeInstanceOf(Blob);
    for (const body of [stream, blob]) expect(await new Response(body).text()).toBe("content");
  });
});
