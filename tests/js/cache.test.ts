import { describe, expect, it } from "vitest";
import type { LoadWarning } from "../../web/shared/protocol.ts";
import { CachePlace } from "../../web/worker/cache_place.ts";
import { RowsPlace } from "../../web/worker/kept_rows.ts";
import { load, machine, sha256, type MemoryStore, type Served } from "./fake_host.ts";
import { text } from "./fakes.ts";

const WEIGHTS = "https://models.test/m/model.safetensors";

const named = (fetched: string[]): string[] => fetched.map((url) => url.replace(/.*\//, ""));
const bin = (store: MemoryStore, part: string): string => [...store.files.keys()].find((name) => name.includes(`.${part}.`))!;
const NONE: LoadWarning["code"][] = [];

describe("the cache", () => {
  it("gives the model and its text tower back without the network", async () => {
    const { page, store } = machine();
    expect(await page({}, { text: true })).toMatchObject({ outcomes: ["done", "done"], warnings: NONE });
    expect([...store.files.keys()].sort()).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}\.json$/),
      expect.stringMatching(/\.text\./),
      expect.stringMatching(/\.vision\./),
    ]);
    const again = await page({}, { text: true });
    expect(again).toMatchObject({ outcomes: ["done", "done"], warnings: NONE, fetched: [] });
    expect(again.engine.options).toEqual({}); // the weights say what is in the JSON files
    expect(again.engine.pushed).toEqual([text("RECORDEDweights")]);
    const progress = again.posted.flatMap((one) => (one.type === "progress" && one.progress.stage === "weights" ? [one.progress] : []));
    expect(progress.length).toBeGreaterThan(0);
    expect(progress.every(({ cached }) => cached)).toBe(true);
  });

  it("is not used if it is switched off, nor for Blobs", async () => {
    const { page, store } = machine();
    await page({ cache: "off" });
    const blob = (content: string) => ({ blob: new Blob([content]), name: "w" });
    await page({ model: { config: blob("{}"), weights: blob("abc") } });
    expect(store.files.size).toBe(0);
  });

  it("has the vision tower once, however its table is read, and reads the table once it is wanted whole", async () => {
    const { page, store } = machine();
    const texts = { text: true };
    await page({}, texts);
    const whole = await page({ table: "whole" }, texts);
    expect(whole.engine.pushed).toEqual([text("RECORDEDweights")]);
    expect(named(whole.fetched)).toEqual(["tokenizer.json", "model.safetensors"]);
    expect(await page({ table: "whole" }, texts)).toMatchObject({ outcomes: ["done", "done"], fetched: [] });
    expect(await page({}, texts)).toMatchObject({ outcomes: ["done", "done"], fetched: [] });
    expect([...store.files.keys()]).toHaveLength(3);
  });

  it("tells models, precisions and addresses apart", async () => {
    const { page, store } = machine({ "https://models.test/m/b.safetensors": { body: "other" } });
    await page();
    await page({ precision: "int8" });
    const { model } = load();
    await page({ model: { ...model, weights: { url: "https://models.test/m/b.safetensors" } } });
    expect([...store.files.keys()].filter((name) => name.endsWith(".json"))).toHaveLength(3);
  });

  it.each<[string, (store: MemoryStore) => void]>([
    ["a byte that flipped", (store) => void (store.files.get(bin(store, "vision"))![10]! ^= 1)],
    ["a file that was cut", (store) => void store.files.set(bin(store, "vision"), text("RECORD"))],
    ["a file that is gone", (store) => void store.files.delete(bin(store, "vision"))],
  ])("throws a damaged entry away and downloads it again, once: %s", async (_, damage) => {
    const { page, store } = machine();
    await page();
    damage(store);
    const repaired = await page();
    expect(repaired).toMatchObject({ outcomes: ["done"], warnings: ["cache-corrupt"] });
    expect(named(repaired.fetched)).toContain("model.safetensors");
    expect(await page()).toMatchObject({ outcomes: ["done"], warnings: NONE, fetched: [] });
  });

  it("does not know an entry whose record was cut off", async () => {
    const { page, store } = machine();
    await page();
    const record = [...store.files.keys()].find((name) => name.endsWith(".json"))!;
    store.files.set(record, store.files.get(record)!.slice(0, 40));
    expect(named((await page()).fetched)).toContain("model.safetensors");
    expect((await page()).fetched).toEqual([]);
  });

  it.each([0, 3, 12, 20, 60, 200])("goes on without where there is room for %i bytes only, and leaves nothing half done", async (room) => {
    const { page, store } = machine();
    store.room = room;
    expect(await page()).toMatchObject({ outcomes: ["done"], warnings: ["cache-full"] });
    expect([...store.files.keys()].filter((name) => name.endsWith(".json"))).toEqual([]);
    store.room = Infinity;
    expect(await page()).toMatchObject({ outcomes: ["done"], warnings: NONE });
    expect((await page()).fetched).toEqual([]);
  });

  it("goes on without where there is no storage", async () => {
    const { page } = machine();
    const open = async () => Promise.reject(new DOMException("private", "SecurityError"));
    expect(await page({}, { open })).toMatchObject({ outcomes: ["done"], warnings: ["cache-unavailable"] });
  });

  it("keeps nothing of a load that fails", async () => {
    const { page, store, files } = machine();
    files[WEIGHTS] = { body: "bad" };
    expect(await page()).toMatchObject({ outcomes: ["failed"] });
    expect(store.files.size).toBe(0);
  });

  it("is filled by one of several pages; the others wait for it", async () => {
    const { page } = machine();
    const pages = await Promise.all([page(), page(), page()]);
    expect(pages.map(({ outcomes }) => outcomes)).toEqual([["done"], ["done"], ["done"]]);
    expect(pages.map(({ fetched }) => fetched.length).sort()).toEqual([0, 0, 4]);
  });
});

describe("kept rows of a table", () => {
  const place = async (store: MemoryStore, locked: string[] = []) => {
    const warnings: LoadWarning["code"][] = [];
    const host = {
      fetch: () => Promise.reject(new Error("offline")),
      sleep: async () => undefined,
      origin: "",
      openStore: async () => store as never,
      lock: <T>(name: string, _: AbortSignal, work: () => Promise<T>) => (locked.push(name), work()),
      warn: ({ code }: LoadWarning) => void warnings.push(code),
      seldom: () => Promise.reject(new Error("not asked")),
    };
    const opened = await CachePlace.open(host, load({ cache: "on" }), () => Promise.reject(new Error("not asked")));
    return { place: new RowsPlace(opened!), warnings };
  };

  it("are written under the entry's lock, and read as they were written or not at all", async () => {
    const { page, store } = machine();
    await page({}, { text: true });
    const locked: string[] = [];
    const { place: first } = await place(store, locked);
    expect(await first.read()).toBeUndefined();
    await first.save(text("rows"));
    expect(locked).toEqual([expect.stringMatching(/^clip-vision:[0-9a-f]{32}$/)]);
    const again = await place(store);
    expect(await again.place.read()).toEqual(text("rows"));
    expect(again.warnings).toEqual(NONE);
    store.files.get(bin(store, "rows"))![1]! ^= 1;
    expect(await again.place.read()).toBeUndefined();
    expect(again.warnings).toEqual(["cache-corrupt"]);
  });
});

describe("revalidation", () => {
  const tagged = (body: string, etag: string): Record<string, Served> => ({ [WEIGHTS]: { body, headers: { etag } } });

  it("takes the cached model while the server has the same files, and only then", async () => {
    const { page, files } = machine(tagged("weights", '"a"'));
    await page({ cache: "revalidate" });
    const same = await page({ cache: "revalidate" });
    expect(same.engine.pushed).toEqual([text("RECORDEDweights")]);
    Object.assign(files, tagged("better", '"b"'));
    expect((await page()).engine.pushed).toEqual([text("RECORDEDweights")]); // nobody asked
    expect((await page({ cache: "revalidate" })).engine.pushed).toEqual([text("better")]);
    expect((await page()).engine.pushed).toEqual([text("RECORDEDbetter")]);
  });

  it("takes the cached files of open_clip while they are the same", async () => {
    const folder = "https://models.test/m";
    const { page, files } = machine({
      [`${folder}/config.json`]: { status: 404 },
      [`${folder}/open_clip_config.json`]: { body: "{}", headers: { etag: '"c"' } },
      [`${folder}/open_clip_model.safetensors`]: { body: "theirs", headers: { etag: '"a"' } },
    });
    await page({ cache: "revalidate" });
    const same = await page({ cache: "revalidate" }, { text: true });
    expect(same).toMatchObject({ outcomes: ["done", "done"], warnings: NONE });
    expect(same.engine.pushed).toEqual([text("RECORDEDtheirs")]);
    files[`${folder}/open_clip_model.safetensors`] = { body: "better", headers: { etag: '"b"' } };
    expect((await page({ cache: "revalidate" })).engine.pushed).toEqual([text("better")]);
  });

  it("sees a change of any file that modules.json tells of", async () => {
    const folder = "https://models.test/m";
    const { page, files } = machine({
      ...tagged("weights", '"a"'),
      [`${folder}/config.json`]: { body: '{"model_type":"distilbert"}', headers: { etag: '"c"' } },
      [`${folder}/modules.json`]: { body: '[{"path":"1_Pooling"}]', headers: { etag: '"m"' } },
      [`${folder}/1_Pooling/config.json`]: { body: "{}", headers: { etag: '"p"' } },
    });
    await page();
    expect((await page({ cache: "revalidate" })).engine.pushed).toEqual([text("RECORDEDweights")]);
    files[`${folder}/1_Pooling/config.json`] = { body: '{"pooling_mode":"cls"}', headers: { etag: '"q"' } };
    expect((await page({ cache: "revalidate" })).engine.pushed).toEqual([text("weights")]);
  });

  it("takes the cached model where there is no answer, and says so", async () => {
    const { page, files } = machine(tagged("weights", '"a"'));
    await page();
    for (const url of Object.keys(files)) files[url] = { status: 503 };
    expect(await page({ cache: "revalidate" })).toMatchObject({ outcomes: ["done"], warnings: ["cache-unchecked"] });
  });

  it("refuses a text tower that is not the vision tower's, and downloads both the next time", async () => {
    const { page, files } = machine(tagged("weights", '"a"'));
    await page();
    Object.assign(files, tagged("better", '"b"'));
    const mixed = await page({}, { text: true });
    expect(mixed.answers[1]).toMatchObject({ error: { code: "fetch", message: expect.stringMatching(/changed on the server.*load the model again/) } });
    const { engine, outcomes } = await page({}, { text: true });
    expect(outcomes).toEqual(["done", "done"]);
    expect(engine.pushed).toEqual([text("better")]);
  });
});

describe("checksums", () => {
  const integrity = {
    "model.safetensors": sha256("weights"),
    "config.json": sha256("{}"),
    "preprocessor_config.json": sha256("{pre}"),
    "tokenizer.json": sha256("{words}"),
  };

  it("let the right files pass, whole, and are compared once", async () => {
    const { page } = machine();
    expect(await page({ integrity }, { text: true })).toMatchObject({ outcomes: ["done", "done"], warnings: NONE });
    expect(await page({ integrity }, { text: true })).toMatchObject({ outcomes: ["done", "done"], warnings: NONE, fetched: [] });
  });

  it.each(["model.safetensors", "config.json"])("refuse a wrong %s, and cache nothing of it", async (name) => {
    const { page, store } = machine();
    const { answers } = await page({ integrity: { ...integrity, [name]: sha256("something else") } });
    expect(answers[0]).toMatchObject({ error: { code: "integrity", message: expect.stringContaining(name) } });
    expect(store.files.size).toBe(0);
  });

  it("are asked of cached models as well", async () => {
    const { page } = machine();
    await page();
    expect(named((await page({ integrity })).fetched)).toContain("model.safetensors");
    expect((await page({ integrity })).fetched).toEqual([]);
    expect((await page()).fetched).toEqual([]);
  });
});

describe("weights in several files", () => {
  const index: Record<string, Served> = {
    [WEIGHTS]: { status: 404 },
    "https://models.test/m/model.safetensors.index.json": { body: JSON.stringify({ weight_map: { a: "a.safetensors", b: "b.safetensors" } }) },
    "https://models.test/m/a.safetensors": { body: "first " },
    "https://models.test/m/b.safetensors": { body: "second" },
  };
  const { model } = load();
  const sharded = { model: { ...model, index: { url: "https://models.test/m/model.safetensors.index.json", optional: true } } };

  it("are read where there is no model.safetensors, and cached as one", async () => {
    const { page } = machine(index);
    const first = await page(sharded);
    expect(first.outcomes).toEqual(["done"]);
    expect(named(first.fetched).slice(3)).toEqual(["model.safetensors", "model.safetensors.index.json", "a.safetensors", "b.safetensors"]);
    const again = await page(sharded);
    expect(again).toMatchObject({ outcomes: ["done"], fetched: [] });
    expect(again.engine.pushed).toEqual([text("RECORDEDfirst second")]);
  });

  it("are told apart from the one file in whose place checksums choose them", async () => {
    const both = { ...index, [WEIGHTS]: { body: "weights" } };
    const { page } = machine(both);
    const names = ["config.json", "preprocessor_config.json", "model.safetensors.index.json", "a.safetensors", "b.safetensors"];
    const contents: Record<string, string> = { "config.json": "{}", "preprocessor_config.json": "{pre}" };
    const integrity = Object.fromEntries(names.map((name) => [name, sha256(contents[name] ?? String(index[`https://models.test/m/${name}`]!.body))]));
    const chosen = await page({ ...sharded, integrity });
    expect(chosen.answers[0]).toMatchObject({ type: "done", result: { weights: "model.safetensors.index.json" } });
    expect((await page(sharded)).engine.pushed).toEqual([text("weights")]);
    expect(await page({ ...sharded, integrity })).toMatchObject({ outcomes: ["done"], fetched: [] });
  });

  it("that are missing as well leave the first error", async () => {
    const { page } = machine({ [WEIGHTS]: { status: 404 } });
    expect((await page(sharded)).answers[0]).toMatchObject({ error: { code: "fetch", message: `${WEIGHTS} answered 404` } });
  });
});
