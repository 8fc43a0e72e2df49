import { afterEach, describe, expect, it, vi } from "vitest";
import { modelName, modelRevision, resolveModel, type ModelSource } from "../../web/page/model.ts";
import { text } from "./fakes.ts";

const folderOf = (source: ModelSource, options?: Parameters<typeof resolveModel>[1]): string => {
  const model = resolveModel(source, options);
  const folder = (model.config as { url: string }).url.replace(/config\.json/, "");
  expect(model).toEqual({
    config: { url: folder.replace(/(\?.*)?$/, "config.json$1") },
    preprocessor: { url: folder.replace(/(\?.*)?$/, "preprocessor_config.json$1"), optional: true },
    processor: { url: folder.replace(/(\?.*)?$/, "processor_config.json$1"), optional: true },
    weights: { url: folder.replace(/(\?.*)?$/, "model.safetensors$1") },
    index: { url: folder.replace(/(\?.*)?$/, "model.safetensors.index.json$1"), optional: true },
    tokenizer: { url: folder.replace(/(\?.*)?$/, "tokenizer.json$1"), optional: true },
    vocab: { url: folder.replace(/(\?.*)?$/, "vocab.json$1"), optional: true },
    merges: { url: folder.replace(/(\?.*)?$/, "merges.txt$1"), optional: true },
    wordPieces: { url: folder.replace(/(\?.*)?$/, "vocab.txt$1"), optional: true },
    tokenizerConfig: { url: folder.replace(/(\?.*)?$/, "tokenizer_config.json$1"), optional: true },
  });
  return folder;
};

afterEach(() => vi.unstubAllGlobals());

describe("a model's files", () => {
  it.each<[string, Parameters<typeof resolveModel>[1], string]>([
    ["openai/clip-vit-base-patch32", {}, "https://huggingface.co/openai/clip-vit-base-patch32/resolve/refs%2Fpr%2F15/"],
    ["openai/clip-vit-base-patch32", { revision: "main" }, "https://huggingface.co/openai/clip-vit-base-patch32/resolve/main/"],
    ["owner/name", {}, "https://huggingface.co/owner/name/resolve/main/"],
    ["owner/name.v1_x", { revision: "refs/pr/4" }, "https://huggingface.co/owner/name.v1_x/resolve/refs%2Fpr%2F4/"],
    ["a/b", { endpoint: "https://mirror.test/hf", revision: "v2" }, "https://mirror.test/hf/a/b/resolve/v2/"],
    ["a/b", { endpoint: new URL("https://mirror.test/hf/") }, "https://mirror.test/hf/a/b/resolve/main/"],
    ["a/b", { endpoint: "/hub" }, "https://app.test/hub/a/b/resolve/main/"],
    ["https://models.test/m", {}, "https://models.test/m/"],
    ["https://models.test/m/", {}, "https://models.test/m/"],
    ["https://models.test/m/?token=1#top", {}, "https://models.test/m/?token=1"],
    ["https://models.test", {}, "https://models.test/"],
    ["./m", {}, "https://app.test/gallery/m/"],
    ["../m", {}, "https://app.test/m/"],
    ["/m/x", {}, "https://app.test/m/x/"],
    ["m/x/", {}, "https://app.test/gallery/m/x/"],
    ["m", {}, "https://app.test/gallery/m/"],
  ])("%s with %j", (source, options, folder) => {
    vi.stubGlobal("document", { baseURI: "https://app.test/gallery/page.html" });
    expect(folderOf(source, options)).toBe(folder);
    expect(modelName(source)).toBe((source as string).replace(/\?.*/, ""));
  });

  it("one by one: addresses, Blobs, bytes", async () => {
    vi.stubGlobal("location", { href: "https://app.test/gallery/" });
    const file = new File(["w"], "vision.safetensors");
    const config = text("--{}--").subarray(2, 4);
    const model = resolveModel({ config, preprocessor: "pre.json", weights: file });
    expect(model.preprocessor).toEqual({ url: "https://app.test/gallery/pre.json" });
    expect(model.weights).toEqual({ blob: file, name: "vision.safetensors" });
    expect(await (model.config as { blob: Blob }).blob.text()).toBe("{}");
    config[0] = 0; // the caller's bytes are the caller's
    expect(await (model.config as { blob: Blob }).blob.text()).toBe("{}");
    expect(modelName({ config, weights: file })).toBe("files");
    const least = resolveModel({ config, weights: new URL("https://m.test/w") });
    expect(Object.keys(least).sort()).toEqual(["config", "weights"]);
    const old = resolveModel({ config, weights: file, vocab: "v.json", merges: text("a b") });
    expect(old.vocab).toEqual({ url: "https://app.test/gallery/v.json" });
    expect(old.merges).toMatchObject({ name: "merges.txt" });
    const pieces = resolveModel({ config, weights: file, wordPieces: text("[UNK]"), tokenizerConfig: "t.json" });
    expect(pieces.wordPieces).toMatchObject({ name: "vocab.txt" });
    expect(pieces.tokenizerConfig).toEqual({ url: "https://app.test/gallery/t.json" });
  });

  it.each([
    "https://m.test/model.clip.safetensors?token=1",
    new URL("https://m.test/model.clip.safetensors?token=1"),
    { weights: "https://m.test/model.clip.safetensors?token=1" },
  ])("in one file: %s", (source) => {
    expect(resolveModel(source)).toEqual({ weights: { url: "https://m.test/model.clip.safetensors?token=1" } });
  });

  it("at an address have no revision", () => {
    expect(modelRevision("https://m.test/", {})).toBeUndefined();
  });

  it.each([
    ["", {}],
    ["./m", {}], // relative to nothing: there is no page here
    [{ config: "https://m.test/c" }, {}], // no weights
    [{ config: 1, weights: "https://m.test/w" }, {}],
    [null, {}],
    [7, {}],
    ["a/b", { endpoint: "http://" }],
  ])("%j is an invalid argument", (source, options) => {
    expect(() => resolveModel(source as ModelSource, options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
