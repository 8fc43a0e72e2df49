/** Queries of addresses may be signatures or tokens: nothing that is said or kept repeats them. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { deleteCached, listCached } from "../../web/page/cached.ts";
import { modelName, resolveModel, type ModelSource } from "../../web/page/model.ts";
import { pageService } from "../../web/page/page_service.ts";
import { packPhoto, type PhotoSource } from "../../web/page/photo.ts";
import { blobOf } from "../../web/search/arguments.ts";
import { ClipVisionError, fromWireError, toWireError } from "../../web/shared/errors.ts";
import { describeFailure } from "../../web/shared/files.ts";
import type { WireLoad } from "../../web/shared/protocol.ts";
import { redacted, redactedStack, withoutSecrets } from "../../web/shared/redact.ts";
import { optionUrl } from "../../web/shared/values.ts";
import { startEngine } from "../../web/worker/engine.ts";
import type { Flavor } from "../../web/worker/flavor.ts";
import { MODEL, load, machine, MemoryStore, sha256, type Served } from "./fake_host.ts";

const store = vi.hoisted(() => ({ current: undefined as unknown }));
vi.mock("../../web/shared/store.ts", async (original) => ({ ...(await original<object>()), openStore: async () => store.current }));
afterEach(() => vi.unstubAllGlobals());

const QUERY = "?token=SECRET";
const signed = (url: string): string => url + QUERY;

/** Whatever can be found in a value: an error's hidden properties as well. */
function everythingIn(value: unknown, seen = new Set<unknown>()): string {
  if (value instanceof Uint8Array) return new TextDecoder("latin1").decode(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.has(value)) return "";
  seen.add(value);
  if (value instanceof Map) return everythingIn([...value], seen);
  const own = Object.getOwnPropertyNames(value).map((name) => `${name}=${everythingIn((value as Record<string, unknown>)[name], seen)}`);
  return own.join("\n");
}

const expectNoSecret = (value: unknown, what?: string): void => expect(everythingIn(value), what).not.toMatch(/SECRET/);

/** What a call throws or rejects with. */
const failure = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
};

describe("an address", () => {
  it.each([
    ["https://a.test/m/config.json?token=SECRET#SECRET", "https://a.test/m/config.json"],
    ["https://user:SECRET@a.test/m?SECRET", "https://a.test/m"],
    ["./m?SECRET=1", "./m"],
    ["//a.test/m#SECRET", "//a.test/m"],
    ["owner/name", "owner/name"],
    ["https://a.test/?SECRET", "https://a.test/"],
    ["https://user:SE/CRET@a.test/b", "https://a.test/b"],
    ["https://user:/SECRET@a.test/b", "https://a.test/b"],
    ["https://us@er:SE/CRET@a.test/b", "https://a.test/b"],
    ["https://user:SE?CRET@a.test/b", "https://a.test/b"],
    ["https://user:SE#CRET@a.test:8/b?c", "https://a.test:8/b"],
    ["https:/user:SECRET@a.test/b", "https:/a.test/b"],
    ["https:\\\\user:SECRET@a.test\\b", "https:\\\\a.test\\b"],
    ["https:user:SECRET@a.test", "https:a.test"],
    ["//user:SECRET@a.test/b", "//a.test/b"],
    ["https://a.test:8/@b/c@2.jpg", "https://a.test:8/@b/c@2.jpg"],
    ["https://[::1]/@b", "https://[::1]/@b"],
    ["https://user:SECRET@[::1]:8/@b", "https://[::1]:8/@b"],
    ["photo@2x.jpg", "photo@2x.jpg"],
    ["file:///home/a@b/c", "file:///home/a@b/c"],
    ["blob:https://a.test/0-0", "blob:https://a.test/0-0"],
  ])("%s is shown as %s", (address, shown) => expect(withoutSecrets(address)).toBe(shown));

  it("is found in a text, and the text stays", () => {
    expect(redacted("Failed to parse https://u:SECRET@a.test/x?y=SECRET&z=(SECRET): why? see 'wss://b.test#SECRET'")).toBe(
      "Failed to parse https://a.test/x why? see 'wss://b.test'",
    );
    expect(redacted("no address? none #1")).toBe("no address? none #1");
    const long = "a+".repeat(1e6);
    const begin = performance.now();
    expect(redacted(long)).toBe(long);
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it("is found with every sign that an address may have, in each of its parts", () => {
    for (let code = 0x20; code < 0x17f; code += 1) {
      const sign = String.fromCharCode(code);
      for (const url of [`https://a.test/it${sign}s/m?token=SECRET`, `https://u:p${sign}SECRET@a.test/m`, `https://u${sign}:SECRET@a.test/m`, `https://a.test/m?x=a${sign}SECRET`, `https://a.test/m#a${sign}SECRET`, `wss://a.test/?x=a${sign}SECRET`, `scheme://a.test/?x=a${sign}SECRET`]) {
        if (!URL.canParse(url)) continue;
        const { href, pathname, username, password, search, hash } = new URL(url);
        if (!(username + password + search + hash).includes("SECRET")) continue; // the sign ended that part
        expect(pathname).not.toContain("SECRET");
        for (const text of [`Could not fetch ${href} (why?)`, `Could not fetch '${href}', \`${href}\`: "${href}"`]) {
          expect(redacted(text), text).not.toContain("SECRET");
          expect(redactedStack(`Error: ${text}\n  at ${href}:1:2`, text), text).not.toContain("SECRET");
        }
      }
    }
    expect(redacted("'https://a.test/x','https://u:SECRET@b.test/y'")).toBe("'https://a.test/x','https://b.test/y'");
    expect(redacted("see `https://a.test/x?y=`SECRET`.")).toBe("see `https://a.test/x`.");
    expect(redacted("https://a.test/it's/m@2x.png")).toBe("https://a.test/it's/m@2x.png");
  });

  it("is no longer shown by who quotes it as it was given", () => {
    const url = 'https://a.test/x?y="<SECRET > SECRET';
    expectNoSecret(describeFailure("the photo", url, new TypeError(`Bad URL: ${url}`)).message);
  });

  it("is found in a stack, whose lines stay", () => {
    const message = "Bad: https://a.test/x?SECRET:1:2";
    const stack = `Error: ${message}\n    at f (https://app.test/worker.js?v=SECRET:10:5)\n    at g (file:///x.js:3:4)\nh@https://app.test/w.js#SECRET:7:8`;
    expect(redactedStack(stack, message)).toBe(
      "Error: Bad: https://a.test/x\n    at f (https://app.test/worker.js:10:5)\n    at g (file:///x.js:3:4)\nh@https://app.test/w.js:7:8",
    );
  });
});

describe("an error", () => {
  it("repeats no secret, nor do its causes, here and across messages", () => {
    const url = signed("https://a.test/x");
    const deepest = Object.assign(new TypeError(`Failed to parse URL from ${url}`), { input: url });
    const cause = new ClipVisionError("fetch", `no ${url}`, { cause: new Error(`through ${url}`, { cause: deepest }) });
    const error = new ClipVisionError("config", `at ${url}`, { cause });
    expectNoSecret(error);
    expectNoSecret(toWireError(new Error(url, { cause: deepest })));
    expectNoSecret(toWireError(url));
    expectNoSecret(fromWireError({ name: "ClipVisionError", code: "fetch", message: url, cause: { name: "Error", message: url } }));
    expect(error).toMatchObject({ message: "at https://a.test/x", cause: { code: "fetch", cause: { message: "through https://a.test/x", cause: { name: "TypeError" } } } });
  });

  it("keeps a cause that has none as it is", () => {
    const cause = Object.assign(new DOMException("full", "QuotaExceededError"));
    expect(new ClipVisionError("fetch", "x", { cause }).cause).toBe(cause);
    expect(new ClipVisionError("fetch", "x", { cause: 7 }).cause).toBe(7);
    expect("cause" in new ClipVisionError("fetch", "x")).toBe(false);
  });
});

const folder = "https://models.test/m";
const withQuery = (files: Record<string, Served>) => Object.fromEntries(Object.entries(files).map(([url, served]) => [signed(url), served]));
const model = Object.fromEntries(Object.entries(load().model).map(([role, file]) => [role, { ...file, url: signed((file as { url: string }).url) }]));
const index = { url: signed(`${folder}/model.safetensors.index.json`), optional: true };
const secretly = (more: Partial<WireLoad> = {}): Partial<WireLoad> => ({ model: { ...model, index } as never, ...more });
const shards = {
  [signed(`${folder}/model.safetensors`)]: { status: 404 },
  [index.url]: { body: JSON.stringify({ weight_map: { a: "a.safetensors" } }) },
};
const html: Served = { body: "<!doctype html>", headers: { "content-type": "text/html" } };
const sums = { "config.json": sha256("{}"), "preprocessor_config.json": sha256("{pre}"), "model.safetensors": sha256("weights"), "tokenizer.json": sha256("{words}") };

describe("a model at addresses with a query", () => {
  const machineOf = (served: Record<string, Served> = {}) =>
    machine({ ...withQuery({ ...MODEL, [`${folder}/tokenizer.json`]: { body: "{words}" } }), ...served });
  const name = (file: string) => signed(`${folder}/${file}`);

  it("is loaded, reported, cached and asked for again without it", async () => {
    for (const served of [{}, { ...shards, [name("a.safetensors")]: { body: "first" } }]) {
      const { page, store } = machineOf(served);
      for (const cache of ["on", "revalidate"] as const) {
        const { outcomes, posted } = await page(secretly({ cache }), { text: true });
        expect(outcomes).toEqual(["done", "done"]);
        expectNoSecret(posted, cache);
      }
      expect([...store.files.keys()].some((file) => file.endsWith(".json"))).toBe(true);
      expectNoSecret(store.files, "the store");
    }
  });

  it("is compared by its files' roles, whatever the query is by then", async () => {
    const { page, files } = machineOf({ [name("model.safetensors")]: { body: "weights", headers: { etag: '"a"' } } });
    await page(secretly());
    expect((await page(secretly({ cache: "revalidate" }))).engine.pushed.join()).toContain(String(new TextEncoder().encode("RECORDED")));
    files[name("model.safetensors")] = { body: "better!", headers: { etag: '"b"' } };
    expect(new TextDecoder().decode((await page(secretly({ cache: "revalidate" }))).engine.pushed[0])).toBe("better!");
  });

  const broken = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: (controller) => controller.error(new TypeError(`lost ${name("x")}`)) });
  const failures: [string, Record<string, Served>, Partial<WireLoad>][] = [
    ...["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"].flatMap((file): [string, Record<string, Served>, Partial<WireLoad>][] => [
      [`${file}: a 401`, { [name(file)]: { status: 401 } }, {}],
      [`${file}: a 404`, { [name(file)]: { status: 404 } }, {}],
      [`${file}: a 503`, { [name(file)]: { status: 503 } }, {}],
      [`${file}: a 201`, { [name(file)]: { status: 201 } }, {}],
      [`${file}: a page`, { [name(file)]: html }, {}],
      [`${file}: a broken connection`, { [name(file)]: { body: broken, headers: { "content-length": "7" } } }, {}],
      [`${file}: cut short`, { [name(file)]: { body: "we", headers: { "content-length": "7" } } }, {}],
      [`${file}: malformed`, { [name(file)]: { body: "bad" } }, {}],
      [`${file}: another sum`, { [name(file)]: { body: "else" } }, { integrity: sums }],
      [`${file}: a sum and a 404`, { [name(file)]: { status: 404 } }, { integrity: sums }],
      [`${file}: no sum`, {}, { integrity: Object.fromEntries(Object.entries(sums).filter(([key]) => key !== file)) }],
    ]),
    ["a sum for nothing", {}, { integrity: { ...sums, "x.json": sha256("") } }],
    ["a shard that is not there", shards, {}],
    ["an index that is none", { ...shards, [index.url]: { body: "bad" } }, {}],
  ];

  it.each(failures)("fails without it: %s", async (what, served, more) => {
    const { page, store } = machineOf(served);
    const { posted, outcomes } = await page(secretly(more), { text: true });
    if (!/^preprocessor_config.json: (a 404|a page|malformed)/.test(what)) expect(outcomes, what).toContain("failed");
    expectNoSecret(posted);
    expectNoSecret(store.files);
  });

  it("fails without it where nothing answers, and the browser or the application says which address", async () => {
    const { page } = machineOf();
    const refuse = async (url: string) => Promise.reject(Object.assign(new TypeError(`Failed to fetch ${url}`, { cause: new Error(url) }), { input: url }));
    const { posted, outcomes } = await page(secretly(), { host: { fetch: refuse } });
    expect(outcomes).toEqual(["failed"]);
    expectNoSecret(posted);
  });

  it("warns without it", async () => {
    const warned = async (more: Partial<WireLoad>, prepare: (on: ReturnType<typeof machineOf>) => unknown, open?: () => Promise<never>) => {
      const on = machineOf();
      await on.page(secretly());
      await prepare(on);
      const { posted, warnings } = await on.page(secretly(more), open ? { open } : {});
      expectNoSecret(posted, String(warnings));
      return warnings;
    };
    const vision = ({ store }: { store: MemoryStore }) => [...store.files.keys()].find((file) => file.includes(".vision."))!;
    const private_ = () => Promise.reject(new DOMException(`no storage at ${name("")}`, "SecurityError"));
    expect(await warned({}, () => undefined, private_)).toEqual(["cache-unavailable"]);
    expect(await warned({}, (on) => on.store.files.delete(vision(on)))).toEqual(["cache-corrupt"]);
    expect(await warned({ cache: "revalidate" }, ({ files }) => Object.keys(files).forEach((url) => (files[url] = { status: 503 })))).toEqual(["cache-unchecked"]);
    expect(await warned({ precision: "int8" }, ({ store: kept }) => (kept.room = 3))).toEqual(["cache-full"]);
  });

  it("reads photos without it", async () => {
    const { page } = machineOf({ [signed("https://p.test/cat.jpg")]: { status: 403 }, [signed("https://p.test/dog.jpg")]: html, [signed("https://p.test/fox.jpg")]: { body: "broken" } });
    const { call, posted } = await page(secretly());
    for (const [id, file] of ["cat.jpg", "dog.jpg", "fox.jpg"].entries()) {
      const answer = await call({ type: "embed", id: 10 + id, argument: { kind: "url", url: signed(`https://p.test/${file}`) } });
      expect(answer.type).toBe("failed");
    }
    expectNoSecret(posted);
  });

  it("forgets what an earlier version recorded with it", async () => {
    const { page, store } = machineOf();
    const id = "0".repeat(32);
    const record = { version: 1, model: "m", precision: "stored", created: 0, validators: { [name("config.json")]: {} }, integrity: {}, parts: { vision: { file: `${id}.vision.x` } } };
    store.files.set(`${id}.json`, new TextEncoder().encode(JSON.stringify(record)));
    store.files.set(`${id}.vision.x`, new Uint8Array(3));
    await page(secretly());
    expect([...store.files.keys()].filter((file) => file.startsWith(id))).toEqual([]);
    expectNoSecret(store.files);
  });
});

describe("the page", () => {
  it.each<[string, ModelSource]>([
    ["https://m.test/m", signed("https://m.test/m")],
    ["https://m.test/m", new URL(signed("https://m.test/m"))],
    ["./m", signed("./m")],
    ["files", { weights: signed("https://m.test/w.safetensors") }],
  ])("calls a model %s", (expected, source) => expect(modelName(source)).toBe(expected));

  it("deletes a cached model by the address that it was loaded with", async () => {
    const { page, store: kept } = machine(withQuery(MODEL));
    await page(secretly({ name: modelName(signed(folder)) }));
    store.current = kept;
    expect(await listCached()).toMatchObject([{ model: folder }]);
    expectNoSecret(await listCached());
    expect(await deleteCached(signed("https://models.test/other"))).toBe(0);
    expect(await deleteCached(signed(folder))).toBe(1);
  });

  const read = async (): Promise<Uint8Array<ArrayBuffer>> => new TextEncoder().encode("<svg/>");

  it("says what is wrong without it", async () => {
    vi.stubGlobal("document", undefined);
    const errors = [
      () => resolveModel(signed("./m")),
      () => resolveModel("a/b", { endpoint: signed("hub") }),
      () => optionUrl(signed("x"), "wasmUrl"),
      () => packPhoto(signed("cat.jpg"), { read }),
      () => blobOf(signed("x.bin"), undefined),
    ];
    for (const work of errors) {
      const error = await failure(work);
      expect(error).toMatchObject({ code: "invalid-argument" });
      expectNoSecret(error, String(work));
    }
  });

  it("reads collections without it", async () => {
    const url = signed("https://a.test/x.bin");
    const answers = [
      async () => Promise.reject(new TypeError(`no ${url}`)),
      async () => new Response(null, { status: 404 }),
      async () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error(url)) })),
    ];
    for (const answer of answers) {
      vi.stubGlobal("fetch", answer);
      const error = await failure(() => blobOf(url, undefined));
      expect(error).toMatchObject({ code: "fetch" });
      expectNoSecret(error);
    }
  });

  it("shows images and drawings without it", async () => {
    vi.stubGlobal("document", { baseURI: "https://app.test/" });
    const decode = async () => Promise.reject(new DOMException(signed("https://app.test/x"), "EncodingError"));
    vi.stubGlobal("Image", class {
      decode = decode;
    });
    vi.stubGlobal("createImageBitmap", () => undefined);
    const image = { src: signed("https://app.test/x.png"), complete: true, decode, [Symbol.toStringTag]: "HTMLImageElement" };
    for (const photo of [signed("logo.svg"), image as unknown as PhotoSource]) {
      const error = await failure(() => packPhoto(photo, { svg: true, read }));
      expect(error).toMatchObject({ code: "decode", message: expect.stringContaining("https://app.test/") });
      expectNoSecret(error);
      expectNoSecret(((error as Error).cause as Error).message);
    }
  });

  it("answers the worker without it", async () => {
    for (const fetch of [undefined, async (url: string) => Promise.reject(new TypeError(`no ${url}`))]) {
      const posted: unknown[] = [];
      pageService({ fetch }, (message) => void posted.push(message)).handle({ type: "fetch", id: 1, argument: { url: signed("https://a.test/x"), purpose: "model" } });
      await vi.waitFor(() => expect(posted).toHaveLength(1));
      expect(posted[0]).toMatchObject({ type: "failed" });
      expectNoSecret(posted);
    }
  });

  it("starts the engine without it", async () => {
    const url = signed("https://a.test/x.wasm");
    const init = async () => Promise.reject(new Error(`bad magic in ${url}`));
    const flavor = { glue: { default: init } } as unknown as Flavor;
    const { signal } = new AbortController();
    for (const fetch of [async () => new Response(""), async () => new Response(null, { status: 404 }), async () => Promise.reject(new TypeError(url))]) {
      const error = await failure(() => startEngine(flavor, url, fetch, signal));
      expect(error).toMatchObject({ code: "fetch", message: expect.stringContaining("https://a.test/x.wasm") });
      expectNoSecret(error);
    }
  });
});
