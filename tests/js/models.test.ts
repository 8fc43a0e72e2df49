/** The list of known models: what it says follows from the architectures, and what nobody could check is marked so. */

import { ClipVision, models } from "clip-vision";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FIRST_MODEL } from "../../web/page/models.ts";
import { modelRevision, resolveModel } from "../../web/page/model.ts";

/** A transformer of CLIP's: width, layers, and four times as wide inside. */
const encoder = (width: number, layers: number): number => layers * (12 * width ** 2 + 13 * width);
const clipVision = (patch: number, width: number, layers: number, dimension: number, size = 224): number =>
  (3 * patch ** 2 + 1 + ((size / patch) ** 2 + 1) + 4) * width + encoder(width, layers) + width * dimension;
const clipText = (width: number, layers: number, dimension: number, tokens = 49_408): number =>
  (tokens + 77 + 2) * width + encoder(width, layers) + width * dimension + 1;

/** SigLIP 2's B towers: no class token, biases of patches, a head that pools; texts with a head that has a bias. */
const siglipVision = (patch: number, width = 768): number =>
  (3 * patch ** 2 + 1 + (256 / patch) ** 2 + 2) * width + encoder(width, 12) + 12 * width ** 2 + 12 * width;
const siglipText = (width = 768): number => (256_000 + 64 + 2) * width + encoder(width, 12) + width ** 2 + width + 2;
/** DINOv2's small one: positions of 518 pixels, a mask's token, and what LayerScale has. */
const dinov2 = (width = 384): number => (3 * 14 ** 2 + 1 + 2 + (37 ** 2 + 1) + 2 + 12 * 2) * width + encoder(width, 12);

/** The multilingual DistilBERT: 512 positions, a norm after the embeddings, and a layer into B/32's space. */
const distilBert = (width = 768): number => (119_547 + 512 + 2) * width + encoder(width, 6) + width * 512;

/** Chinese-CLIP's BERT: 512 positions, two kinds of tokens, a norm after the embeddings, a projection and a scale. */
const bert = (width = 768): number => (21_128 + 512 + 2 + 2) * width + encoder(width, 12) + width * 512 + 1;

/** Parameters of the vision and the text tower, and of the table of tokens in it. */
const ARCHITECTURES: Record<string, [vision: number, text?: number, table?: number]> = {
  "facebook/dinov2-small": [dinov2()],
  "OFA-Sys/chinese-clip-vit-base-patch16": [clipVision(16, 768, 12, 512), bert(), 21_128 * 768],
  "sentence-transformers/clip-ViT-B-32-multilingual-v1": [0, distilBert(), 119_547 * 768],
  "facebook/metaclip-2-worldwide-b32": [clipVision(32, 768, 12, 512), clipText(512, 12, 512, 901_629), 901_629 * 512],
  "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K": [clipVision(32, 768, 12, 512, 256), clipText(512, 12, 512), 49_408 * 512],
  "google/siglip2-base-patch16-256": [siglipVision(16), siglipText(), 256_000 * 768],
  "google/siglip2-base-patch32-256": [siglipVision(32), siglipText(), 256_000 * 768],
  "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M": [clipVision(16, 256, 10, 512), clipText(256, 3, 512), 49_408 * 256],
  "wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M": [clipVision(16, 512, 12, 512), clipText(512, 6, 512), 49_408 * 512],
  "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M": [clipVision(32, 512, 12, 512), clipText(512, 6, 512), 49_408 * 512],
  "openai/clip-vit-base-patch16": [clipVision(16, 768, 12, 512), clipText(512, 12, 512), 49_408 * 512],
  "openai/clip-vit-base-patch32": [clipVision(32, 768, 12, 512), clipText(512, 12, 512), 49_408 * 512],
  "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": [clipVision(32, 768, 12, 512), clipText(512, 12, 512), 49_408 * 512],
  "openai/clip-vit-large-patch14": [clipVision(14, 1024, 24, 768), clipText(768, 12, 768), 49_408 * 768],
};

describe("the list of models", () => {
  it("has each once, in the revision that has its files, the smallest download first", () => {
    expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
    for (const { id, revision } of models) {
      expect((resolveModel(id).weights as { url: string }).url).toContain(`${id}/resolve/${encodeURIComponent(revision)}/`);
      expect(modelRevision(id, {})).toBe(revision);
    }
    const size = ({ download }: (typeof models)[number]) => download.vision || Infinity;
    expect([...models].sort((a, b) => (size(a) === size(b) ? 0 : size(a) - size(b)))).toEqual(models);
  });

  it.each(models.map((model) => [model.id, model] as const))("says of %s what follows from its architecture", (id, { download }) => {
    const [vision = 0, text, table = 0] = ARCHITECTURES[id]!.map((parameters) => 4 * parameters!);
    // A table over 256 MiB stays in its file, and sixteen tokens are ten words.
    const stays = table > 2 ** 28;
    const width = /^(google|sentence)/.test(id) ? 768 : 512;
    expect(download).toEqual({ vision, text: text ? text - (stays ? table : 0) : null, table, query: stays ? 16 * 4 * width : 0 });
    if (stays) expect(download.text).toBeLessThan(table);
  });

  it("says where an accuracy comes from, which languages a text may be in, and that the Hub was not asked", () => {
    for (const { accuracy, dimension, download, imageSize, languages, license, photosBy, task, verified } of models) {
      expect([languages.length > 0, download.text !== null]).toEqual(Array(2).fill(task !== "photos"));
      expect([download.vision > 0, imageSize > 0, !photosBy]).toEqual(Array(3).fill(task !== "texts"));
      if (photosBy) expect(models.find(({ id }) => id === photosBy)).toMatchObject({ task: "photos and texts", dimension });
      if (accuracy) expect(accuracy.source).toMatch(/arXiv \d{4}\.\d{5}|github\.com/);
      for (const language of languages) expect(Intl.getCanonicalLocales(language)).toEqual([language]);
      expect(license).not.toBe("");
      expect(verified).toBe(false);
    }
  });
});

describe("without a model", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("the smallest that is as accurate as OpenAI's B/32 is loaded", async () => {
    const atLeast = models.find(({ id }) => id === "openai/clip-vit-base-patch32")!.accuracy!.imagenet;
    expect(models.find(({ accuracy }) => accuracy && accuracy.imagenet >= atLeast)?.id).toBe(FIRST_MODEL);
    const asked: string[] = [];
    const fetch = (url: string | URL | Request) => {
      asked.push(String(url));
      return Promise.resolve(new Response("", { status: 404 }));
    };
    await expect(ClipVision.load(undefined, { fetch, cache: false })).rejects.toMatchObject({ code: "fetch" });
    expect(asked).toContain(`https://huggingface.co/${FIRST_MODEL}/resolve/main/config.json`);
  });

  it("null is still a mistake", async () => {
    await expect(ClipVision.load(null as never)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
