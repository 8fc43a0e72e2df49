/** Servers that lie to a load with checksums: in each of their answers, one at a time, in each way. */

import { describe, expect, it } from "vitest";
import type { CacheRecord } from "../../web/shared/cache.ts";
import type { WireLoad } from "../../web/shared/protocol.ts";
import type { Host } from "../../web/worker/dispatcher.ts";
import { tokenizerJson } from "../../web/worker/word_pieces.ts";
import { text, type FakeLoader } from "./fakes.ts";
import { load, machine, sha256, type Served, type Stand } from "./fake_host.ts";

const folder = "https://models.test/m";
const file = (body: string): Served => ({ body, headers: { "content-length": String(body.length) } });
const bodyOf = ({ body = "" }: Served): string => body as string;
const nameOf = (url: string): string => url.replace(/.*\//, "");

/** A model as an honest server has it, what is right of it, and the checksums of its files. */
interface Model {
  files: Record<string, Served>;
  more: Partial<WireLoad>;
  integrity: Record<string, string>;
  weights: string[];
  tokenizer: string;
}

function modelOf(contents: Record<string, string>, weights: string[], tokenizer: string, more: Partial<WireLoad> = {}): Model {
  const all = Object.entries(contents);
  const files = Object.fromEntries(all.map(([name, body]) => [`${folder}/${name}`, file(body)]));
  for (const { url } of Object.values({ ...load().model, ...more.model }) as { url: string }[]) files[url] ??= { status: 404 };
  const integrity = Object.fromEntries(all.map(([name, body]) => [name, sha256(body)]));
  return { files, more: { ...more, integrity }, integrity, weights, tokenizer };
}

const WORDS = "[UNK]\n[CLS]\n[SEP]\n";
const decoded = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const JSON_FILES = { "config.json": "{}", "preprocessor_config.json": "{pre}" };
const index = { url: `${folder}/model.safetensors.index.json`, optional: true };
const INDEX = JSON.stringify({ weight_map: { "a.weight": "a.safetensors", "b.weight": "b.safetensors" } });
const withIndex = { model: { ...load().model, index } };
const MODELS: Record<string, Model> = {
  "in one file": modelOf({ ...JSON_FILES, "model.safetensors": "weights", "tokenizer.json": "{words}" }, ["weights"], "{words}", withIndex),
  "in several files": modelOf(
    { ...JSON_FILES, "model.safetensors.index.json": INDEX, "a.safetensors": "first", "b.safetensors": "second", "tokenizer.json": "{words}" },
    ["first", "second"],
    "{words}",
    withIndex,
  ),
  "with an old tokenizer": modelOf({ ...JSON_FILES, "model.safetensors": "weights", "vocab.json": "{vocab}", "merges.txt": "merges" }, ["weights"], "{vocab}"),
  "with BERT's words": modelOf(
    { ...JSON_FILES, "model.safetensors": "weights", "vocab.txt": WORDS, "tokenizer_config.json": '{"do_lower_case":false}' },
    ["weights"],
    decoded(tokenizerJson(text(WORDS), text('{"do_lower_case":false}'))),
  ),
  converted: modelOf({ "model.clip.safetensors": "RECORDEDall" }, ["RECORDEDall"], "{carried}", {
    model: { weights: { url: `${folder}/model.clip.safetensors` } },
  }),
};

const html: Served = { body: "<!doctype html><title>App</title>", headers: { "content-type": "text/html" } };
const LIES: Record<string, (honest: Served) => Served> = {
  "another byte": (honest) => file(bodyOf(honest).replace(/^.?/, "?")),
  "what no loader takes": () => file("bad"),
  "a cut end": (honest) => file(bodyOf(honest).slice(0, -1)),
  "one byte more": (honest) => file(`${bodyOf(honest)}.`),
  "nothing": () => file(""),
  "a 404": () => ({ status: 404 }),
  "a page": () => html,
  "a page that calls itself binary": () => file(bodyOf(html)),
};

/** Whether an answer means the same as the honest one: that there is no such file. */
const isSame = (lie: Served, honest: Served): boolean => honest.status === 404 && (lie.status === 404 || bodyOf(lie) === bodyOf(html));

/** A server that lies in its answer number `at`, or in all about one file, and notes what it was asked for. */
function server(files: Record<string, Served>, lies?: { at: number | string; lie: (honest: Served) => Served }) {
  const asked: string[] = [];
  const tokenizers: string[] = [];
  const host: Partial<Host> & Stand = {
    fetch: async (url) => {
      const honest = files[url] ?? { status: 404 };
      const lying = lies && (lies.at === asked.length || lies.at === url);
      asked.push(url);
      const { status = 200, body = "", headers = {} } = lying ? lies.lie(honest) : honest;
      return new Response(bodyOf({ body }), { status, headers });
    },
    tokenizers: async () => (made) => {
      tokenizers.push(new TextDecoder().decode("json" in made ? made.json : made.vocab));
      return { ids: () => Uint32Array.of(1, 2) };
    },
  };
  return { asked, tokenizers, host };
}

const recordOf = (files: Map<string, Uint8Array>): CacheRecord | undefined => {
  const name = [...files.keys()].find((one) => one.endsWith(".json"));
  return name === undefined ? undefined : (JSON.parse(new TextDecoder().decode(files.get(name))) as CacheRecord);
};

describe.each(Object.entries(MODELS))("a model %s", { timeout: 30_000 }, (_, { files, more, integrity, weights, tokenizer }) => {
  const honest = server(files);
  /** Loads it on a machine, and asks for a text. */
  const visit = async (on: ReturnType<typeof machine>, from: ReturnType<typeof server>, checked = true) => {
    const { integrity: sums, ...unchecked } = more;
    const outcome = await on.page(checked ? { ...unchecked, ...(sums && { integrity: sums }) } : unchecked, { text: true, host: from.host });
    const codes = outcome.answers.map((answer) => (answer.type === "failed" ? answer.error.code : answer.type));
    return { ...outcome, codes };
  };

  it("loads with its checksums, then without a server", async () => {
    const on = machine();
    const first = server(files);
    expect((await visit(on, first)).codes).toEqual(["done", "done"]);
    expect(first.tokenizers).toEqual([tokenizer]);
    const { parts } = recordOf(on.store.files)!;
    expect({ ...parts.vision?.verified?.files, ...parts.text?.verified?.files }).toEqual(integrity);
    const gone = server({});
    expect((await visit(on, gone)).codes).toEqual(["done", "done"]);
    expect(gone.asked).toEqual([]);
  });

  it("is refused or left as it is, whichever answer is a lie", async () => {
    await visit(machine(), honest);
    expect(honest.asked.length).toBeGreaterThan(1);
    for (const [what, lie] of Object.entries(LIES)) {
      for (const [at, url] of honest.asked.entries()) {
        const label = `${what} for ${nameOf(url)}, answer ${at}`;
        const on = machine();
        const liar = server(files, { at, lie });
        const { codes, engine } = await visit(on, liar);
        if (isSame(lie(files[url]!), files[url]!)) expect(codes, label).toEqual(["done", "done"]);
        else expect([["integrity", "compute"], ["done", "integrity"]], label).toContainEqual(codes);
        // What a part was made of is what was meant.
        if (codes[0] === "done") expect(engine.loaders.at(-1)!.pushed, label).toEqual(weights);
        if (codes[1] !== "done") expect(liar.tokenizers, label).toEqual([]);
        const record = recordOf(on.store.files);
        expect(record?.parts.vision !== undefined, label).toBe(codes[0] === "done");
        expect(record?.parts.text !== undefined, label).toBe(codes[1] === "done");
      }
    }
  });

  it("is not taken from what was cached unchecked, whichever file is a lie", async () => {
    for (const [what, lie] of Object.entries(LIES)) {
      for (const url of new Set(honest.asked)) {
        if (isSame(lie(files[url]!), files[url]!)) continue;
        const label = `${what} for ${nameOf(url)}`;
        const on = machine();
        const lies = { at: url, lie };
        await visit(on, server(files, lies));
        await visit(on, server(files, lies), false); // takes what it gets, and caches it
        const again = server(files, lies);
        expect((await visit(on, again)).codes, label).toContain("integrity");
        expect(again.tokenizers, label).toEqual([]);
        const right = server(files);
        const { codes, engine } = await visit(on, right);
        expect(codes, label).toEqual(["done", "done"]);
        const recorded = engine.loaders.at(-1)!.pushed.join("").replace(/^RECORDED(?!all)/, "");
        expect(recorded, label).toBe(weights.join(""));
        expect((engine.model.texts as FakeLoader).pushed.join(""), label).toContain(weights.join(""));
        expect([tokenizer, "{carried}"], label).toContain(right.tokenizers[0]);
      }
    }
  });

  it.each(Object.keys(integrity))("needs the checksum of %s", async (name) => {
    const { [name]: _left, ...others } = integrity;
    const on = machine();
    const { answers } = await on.page({ ...more, integrity: others }, { text: true, host: server(files).host });
    expect(answers.find(({ type }) => type === "failed")).toMatchObject({ error: { code: "integrity", message: expect.stringContaining(name) } });
    // Nor is what was verified with more than these taken for verified.
    const full = machine();
    await visit(full, server(files));
    const fewer = await full.page({ ...more, integrity: others }, { text: true, host: server(files).host });
    expect(fewer.answers.find(({ type }) => type === "failed")).toMatchObject({ error: { code: "integrity" } });
  });

  it.each(["tokeniser.json", "processor_config.json", "c.safetensors", "__proto__"])("has no use for a checksum of %s, and says so, cached or not", async (name) => {
    const slip = Object.fromEntries([...Object.entries(integrity), [name, sha256("{}")]]);
    const on = machine();
    for (const _ of ["not cached", "cached"]) {
      const from = server(files);
      const { answers } = await on.page({ ...more, integrity: slip }, { host: from.host });
      expect(answers[0]).toMatchObject({ error: { code: "integrity", message: expect.stringContaining(name) } });
      expect(from.asked.filter((url) => /\/(model|a|b)(\.clip)?\.safetensors$/.test(url))).toEqual([]); // before the weights
      await visit(on, server(files));
    }
  });
});

describe("checksums", () => {
  it("do not let shards that nobody checked stand in for the weights", async () => {
    const whole = MODELS["in one file"]!;
    const shards = MODELS["in several files"]!.files;
    for (const lie of [{ status: 404 }, html]) {
      const { page } = machine();
      const liar = server({ ...whole.files, ...shards, [`${folder}/model.safetensors`]: lie });
      const { answers } = await page(whole.more, { host: liar.host });
      expect(answers[0]).toMatchObject({ error: { code: "integrity", message: expect.stringContaining("model.safetensors has a checksum, but is not there") } });
      expect(liar.asked.filter((url) => url.includes("a.safetensors"))).toEqual([]);
    }
  });

  it("are asked of each part: a text tower that was cached without is not taken with", async () => {
    const { files, more } = MODELS["in one file"]!;
    const { page, store } = machine();
    await page(more, { host: server(files).host });
    const changed = server({ ...files, [`${folder}/tokenizer.json`]: file("{evil}") });
    const { integrity: _, ...unchecked } = more;
    expect((await page(unchecked, { text: true, host: changed.host })).outcomes).toEqual(["done", "done"]);
    expect(changed.tokenizers).toEqual(["{evil}"]);
    expect(recordOf(store.files)?.parts.text).not.toHaveProperty("verified");
    const liar = await page(more, { text: true, host: changed.host });
    expect(liar.answers[1]).toMatchObject({ error: { code: "integrity", message: expect.stringContaining("tokenizer.json") } });
    const right = server(files);
    expect((await page(more, { text: true, host: right.host })).outcomes).toEqual(["done", "done"]);
    expect(right.tokenizers).toEqual(["{words}"]);
    expect(recordOf(store.files)?.parts.text?.verified?.files).toHaveProperty(["tokenizer.json"]);
  });

  it("may name vocab.json, merges.txt and vocab.txt beside a tokenizer.json, which are not read then", async () => {
    const { files, more, integrity } = MODELS["in one file"]!;
    const { page } = machine();
    const all = { ...more, integrity: { ...integrity, "vocab.json": sha256("v"), "merges.txt": sha256("m"), "vocab.txt": sha256("w"), "tokenizer_config.json": sha256("t") } };
    expect((await page(all, { text: true, host: server(files).host })).outcomes).toEqual(["done", "done"]);
    expect((await page(all, { text: true, host: server({}).host })).outcomes).toEqual(["done", "done"]);
  });

  it("leave a connection that breaks what it is, and keep nothing of it", async () => {
    const { files, more } = MODELS["in one file"]!;
    const { page, store } = machine();
    const broken = server(files, { at: `${folder}/model.safetensors`, lie: () => ({ body: "wei", headers: { "content-length": "7" } }) });
    expect((await page(more, { host: broken.host })).answers[0]).toMatchObject({ error: { code: "fetch", message: expect.stringContaining("broke after") } });
    expect(store.files.size).toBe(0);
  });

  it.each([undefined, 1e15])("do not have a file read without end that the loader refuses, announced with %s bytes", async (announced) => {
    const { files, more } = MODELS["in one file"]!;
    const honest = server(files).host.fetch!;
    let sent = 0;
    const host: Partial<Host> & Stand = {
      fetch: async (url, init) => {
        if (!url.endsWith("model.safetensors")) return honest(url, init);
        const piece = new Uint8Array(1 << 26);
        const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void =>
          controller.enqueue((sent += 1) === 1 ? new TextEncoder().encode("bad") : piece);
        const headers: Record<string, string> = announced === undefined ? {} : { "content-length": String(announced) };
        return new Response(new ReadableStream({ pull }), { headers });
      },
    };
    const { answers } = await machine().page(more, { host });
    expect(answers[0]).toMatchObject({ error: { code: "weights", message: expect.stringContaining("no safetensors") } });
    expect(sent).toBeGreaterThan(16);
    expect(sent).toBeLessThan(25);
  }, 30_000);

  it("are for the files' own names, as a person writes them", async () => {
    const model = { weights: { url: `${folder}/my%20model.safetensors?v=1` } };
    const { page } = machine({ [model.weights.url]: file("RECORDEDall") });
    expect((await page({ model, integrity: { "my model.safetensors": sha256("RECORDEDall") } })).outcomes).toEqual(["done"]);
  });
});
