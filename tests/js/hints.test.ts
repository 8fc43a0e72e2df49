/** Models that can't be loaded: what the page says of them. */

import { describe, expect, it } from "vitest";
import { MODEL, dispatcherWith, load, type Served } from "./fake_host.ts";

const at = (file: string) => `https://models.test/m/${file}`;

/** What a load fails with where the server has these files besides, or lacks some. */
async function failure(more: Record<string, Served>, without: string[]) {
  const files: Record<string, Served> = { ...MODEL, ...more };
  for (const file of without) delete files[at(file)];
  const { call, fetched } = dispatcherWith(files);
  const answer = await call({ type: "load", id: 1, argument: load() });
  return { error: (answer as unknown as { error: { code: string; message: string; status?: number } }).error, fetched };
}

describe("what can't be loaded", () => {
  it("is a LoRA: of what, and what to do", async () => {
    const lora = { [at("adapter_config.json")]: { body: '{"base_model_name_or_path": "some/clip"}' } };
    for (const without of [["config.json"], ["model.safetensors"]]) {
      const { error } = await failure(lora, without);
      expect(error).toMatchObject({ code: "fetch", status: 404, message: expect.stringMatching(/LoRA of some\/clip .*merge_and_unload/) });
    }
  });

  it("is a LoRA of a model with a long name, which is shortened", async () => {
    const lora = { [at("adapter_config.json")]: { body: JSON.stringify({ base_model_name_or_path: "\u{1d4ea}".repeat(1000) }) } };
    const { error } = await failure(lora, ["model.safetensors"]);
    expect(error.message).toContain(`LoRA of ${"\u{1d4ea}".repeat(100)}… (`);
  });

  it("is a pickle of open_clip's, which transformers does not read", async () => {
    const { error } = await failure({ [at("open_clip_pytorch_model.bin")]: { body: "PK" } }, ["model.safetensors"]);
    expect(error.message).toMatch(/no open_clip_model\.safetensors, and open_clip_pytorch_model\.bin is not read: .*save_file\(torch\.load/);
    expect(error.message).not.toContain("AutoModel");
  });

  it("is a pickle", async () => {
    const { error } = await failure({ [at("pytorch_model.bin")]: { body: "PK" } }, ["model.safetensors"]);
    expect(error).toMatchObject({ code: "fetch", message: expect.stringMatching(/pytorch_model\.bin is not read: save the model as safetensors/) });
  });

  it("is sentence-transformers' with its files in folders", async () => {
    const { error } = await failure({ [at("modules.json")]: { body: "[]" } }, ["config.json", "model.safetensors"]);
    expect(error).toMatchObject({ code: "fetch", message: expect.stringMatching(/modules\.json .*openai\/clip-vit-base-patch32/) });
  });

  it("is not there at all: the error is that of the file", async () => {
    const { error, fetched } = await failure({}, ["model.safetensors"]);
    expect(error).toMatchObject({ code: "fetch", status: 404, message: expect.stringContaining("model.safetensors") });
    expect(fetched).toContain(at("adapter_config.json"));
  });

  it("is looked into only where a file is missing", async () => {
    const { fetched } = await failure({ [at("config.json")]: { status: 403 } }, []);
    expect(fetched.filter((url) => /adapter|pytorch/.test(url))).toEqual([]);
  });
});
