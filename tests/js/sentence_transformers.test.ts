/** A model of texts alone: its several files, and that all of it is loaded at once. */

import { describe, expect, it } from "vitest";
import type { LoadProgress } from "../../web/shared/protocol.ts";
import { needsOthers } from "../../web/worker/modules.ts";
import { bundled } from "../../web/worker/bundle.ts";
import { dispatcherWith, load, sha256, type Served } from "./fake_host.ts";
import { text } from "./fakes.ts";

const MODULES = JSON.stringify([{ path: "" }, { path: "1_Pooling" }, { path: "2_Dense" }, { path: "../secret" }, { path: 7 }]);
const FILES: Record<string, string> = {
  "config.json": JSON.stringify({ model_type: "distilbert", dim: 8 }),
  "modules.json": MODULES,
  "sentence_bert_config.json": JSON.stringify({ max_seq_length: 128 }),
  "1_Pooling/config.json": JSON.stringify({ pooling_mode: "mean" }),
  "2_Dense/config.json": JSON.stringify({ bias: false }),
  "2_Dense/model.safetensors": "dense",
  "model.safetensors": "weights",
  "tokenizer.json": "{}",
};
const url = (name: string) => `https://models.test/m/${name}`;
const served = (): Record<string, Served> =>
  Object.fromEntries(Object.entries(FILES).map(([name, body]) => [url(name), { body, headers: { "content-length": `${body.length}` } }]));
const short = (urls: readonly string[]) => urls.map((one) => one.replace(url(""), ""));

/** A dispatcher whose engine has a model of texts alone, whose text tower is in two files. */
function texts(files = served()) {
  const all = dispatcherWith(files);
  const { model } = all.engine;
  const info = model.info.bind(model);
  model.info = () => ({ ...info(), task: "texts", imageSize: 0 });
  const textLoader = model.textLoader.bind(model);
  model.textLoader = () => {
    const loader = textLoader();
    loader.setIndex(text(JSON.stringify({ weight_map: { a: "model.safetensors", b: "2_Dense/model.safetensors" } })));
    return loader;
  };
  return { ...all, model };
}

describe("sentence-transformers' files", () => {
  it("are one configuration", async () => {
    const read = async (name: string) => (FILES[name] === undefined ? undefined : text(FILES[name]));
    const bundle = JSON.parse(new TextDecoder().decode(await bundled(text(FILES["config.json"]!), read))) as unknown;
    expect(bundle).toEqual({
      model_type: "sentence_transformers",
      "modules.json": JSON.parse(MODULES) as unknown,
      "config.json": { model_type: "distilbert", dim: 8 },
      "sentence_bert_config.json": { max_seq_length: 128 },
      "1_Pooling/config.json": { pooling_mode: "mean" },
      "2_Dense/config.json": { bias: false },
    });
  });

  it("are asked for where a configuration needs them, and nowhere else", async () => {
    const asked: string[] = [];
    const none = async (name: string) => void asked.push(name) as undefined;
    for (const config of ["{}", "null", "nonsense", '{"model_type":"clip"}']) expect(needsOthers(text(config))).toBe(false);
    expect(needsOthers(text(FILES["config.json"]!))).toBe(true);
    const alone = text('{"model_type":"distilbert"}');
    expect(await bundled(alone, none)).toEqual(alone);
    expect(asked).toEqual(["modules.json"]);
    await expect(bundled(alone, async () => text("<html>"))).rejects.toMatchObject({ code: "config", message: "modules.json is not JSON" });
  });
});

describe("a model of texts alone", () => {
  it("is loaded with its text tower, from the files of both modules, and says what it is", async () => {
    const { call, fetched, engine, model, posted } = texts();
    const answer = await call({ type: "load", id: 1, argument: load() });
    expect(answer).toMatchObject({ type: "done", result: { task: "texts", imageSize: 0 } });
    expect(JSON.parse(new TextDecoder().decode(engine.options?.config))).toMatchObject({ model_type: "sentence_transformers" });
    expect(short(fetched)).toEqual(expect.arrayContaining(["modules.json", "1_Pooling/config.json", "2_Dense/config.json", "tokenizer.json"]));
    expect(short(fetched).slice(-2)).toEqual(["model.safetensors", "2_Dense/model.safetensors"]);
    expect(short(fetched).some((name) => name.includes("secret"))).toBe(false);
    expect(model.textLoaders.at(-1)?.pushed).toEqual(["weights", "dense"]);
    const all = posted.flatMap((one) => (one.type === "progress" ? [one.progress] : []));
    expect(all.at(-1)).toMatchObject<Partial<LoadProgress>>({ file: "model.safetensors", overall: 1 });
    fetched.length = 0;
    await call({ type: "embedTexts", id: 2, argument: ["dog"] });
    expect(fetched).toEqual([]);
  });

  it("says which file is not there", async () => {
    const files = served();
    delete files[url("2_Dense/model.safetensors")];
    const answer = await texts(files).call({ type: "load", id: 1, argument: load() });
    expect(answer).toMatchObject({ type: "failed", error: { code: "fetch", message: expect.stringMatching(/as modules\.json says/) } });
  });

  it("has checksums of files of one name by their folders", async () => {
    const integrity = Object.fromEntries(Object.entries(FILES).map(([name, content]) => [name, sha256(content)]));
    expect(await texts().call({ type: "load", id: 1, argument: load({ integrity }) })).toMatchObject({ type: "done" });
    for (const name of ["1_Pooling/config.json", "2_Dense/model.safetensors", "modules.json"]) {
      const wrong = { ...integrity, [name]: sha256("other") };
      const answer = await texts().call({ type: "load", id: 1, argument: load({ integrity: wrong }) });
      expect(answer).toMatchObject({ type: "failed", error: { code: "integrity", message: expect.stringContaining(name) } });
      const { [name]: _, ...without } = integrity;
      expect(await texts().call({ type: "load", id: 1, argument: load({ integrity: without }) })).toMatchObject({ type: "failed", error: { code: "integrity" } });
    }
  });
});
