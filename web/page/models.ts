/**
 * Models that are known to load, with what one wants to know before choosing.
 *
 * Where the numbers come from: accuracies have their source beside them; licenses are what model cards publish; bytes follow from
 * the architecture (four for each parameter, as these files are in single precision). Ids of MetaCLIP 2, SigLIP 2, DINOv2 and DataComp
 * are those that public code loads; DataComp's `open_clip_model.safetensors` is 605,189,364 bytes long there, as it is by the architecture.
 *
 * What could not be verified, since no hub could be reached when the list was written (`verified: false`): that each revision holds
 * `model.safetensors` (or `open_clip_model.safetensors`) today, in single precision, and the license. Public code loads it from `main` of L/14, of LAION's and of
 * TinyCLIP; of B/16 one public script names its checksum on `main`. Of OpenAI's B/32 `main` has PyTorch's pickle alone (public logs
 * show the 404), and `refs/pr/15`, the hub's own conversion, is what others load. Of Chinese-CLIP one public script loads
 * `model.safetensors` and `vocab.txt` of the commit that is named here; `main` had the pickle alone.
 *
 * Nor could it be found out which commits the other revisions stand for, and the checksums of their files: so none of them is pinned.
 * `revision` names a branch, or a proposed change, and what is loaded is what its owner last put there. Whoever wants the
 * same files tomorrow gives `ClipVision.load` a commit as its `revision`, and `integrity`.
 */

import type { Task } from "../shared/protocol.js";
import { LARGE_TABLE } from "../shared/sizes.js";

/** A model that is known to work. */
export interface KnownModel {
  /** The Hub id: what `ClipVision.load` takes. */
  readonly id: string;
  /**
   * The revision that has safetensors; used where none is asked for. A commit fixes the files; a branch, which most entries have, can
   * be moved by its owner.
   */
  readonly revision: string;
  /** What it embeds. */
  readonly task: Task;
  /** Of a model of texts alone, the id of the one in whose space they are: that embeds the photos. */
  readonly photosBy?: string;
  /** The languages of its texts, as BCP 47 tags; `"mul"` stands for a hundred or more. */
  readonly languages: readonly string[];
  /** Values of an embedding. */
  readonly dimension: number;
  /** Width and height that photos are brought to, in pixels; 0 of a model of texts alone. */
  readonly imageSize: number;
  /** What is downloaded, about. */
  readonly download: ModelDownload;
  /** The SPDX identifier. */
  readonly license: string;
  /** Zero-shot accuracy; `null` where none is published, or none could be checked. */
  readonly accuracy: PublishedAccuracy | null;
  /** Whether its files, their sizes, and its license were checked on the Hub. Of no entry yet. */
  readonly verified: boolean;
}

/**
 * Bytes of weights that are downloaded, whatever the `precision`: all of these files are in single precision, and 8 bits are made of it as
 * it arrives. Not counted are the files that say what a model is, and its tokenizer.
 */
export interface ModelDownload {
  /** With `ClipVision.load`: the vision tower; 0 of a model of texts alone. */
  readonly vision: number;
  /**
   * With the first text, or with `ClipVision.load` of a model of texts alone: the text tower, but for its table of tokens where that
   * stays in its file (`query`); `null` of a model without one.
   */
  readonly text: number | null;
  /** The table of the text tower's tokens, whether it is counted in `text` or stays in its file. */
  readonly table: number;
  /**
   * For a query of ten words, taken as 16 tokens: the rows that are read of a table that stays in its file, as it does where it takes more
   * than 256 MiB, unless the option `table` is `"whole"`. The next query reads what is new to it. 0 where the table is counted in `text`.
   */
  readonly query: number;
}

/** How often the first of ImageNet's 1,000 labels is right. */
export interface PublishedAccuracy {
  /** In percent. */
  readonly imagenet: number;
  /** Who says so. */
  readonly source: string;
}

const OPENAI = "arXiv 2103.00020, table 11";
const TINY_CLIP = "arXiv 2309.12314; github.com/wkcn/TinyCLIP-model-zoo";
const SIGLIP_2 = "arXiv 2502.14786, table 1";
const OPEN_CLIP = "github.com/mlfoundations/open_clip, docs/openclip_results.csv";

/**
 * What `ClipVision.load()` takes: the smallest download with at least the accuracy of OpenAI's B/32, by which people know CLIP.
 * 154 MB for photos, and 178 MB more with the first text.
 */
export const FIRST_MODEL = "wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M";

/** Tokens of a query of ten words. */
const QUERY_TOKENS = 16;

/** What most entries have. */
const CLIP = {
  revision: "main",
  task: "photos and texts",
  languages: ["en"],
  dimension: 512,
  imageSize: 224,
  license: "MIT",
  verified: false,
} as const;

/** Models by how much is downloaded for photos, the smallest first; those of texts alone last. Any other id in the same layouts works as well. */
export const models: readonly KnownModel[] = [
  {
    ...CLIP,
    id: "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
    download: floats(8_276_992, 15_169_025, 49_408, 256),
    accuracy: { imagenet: 41.1, source: TINY_CLIP },
  },
  {
    ...CLIP,
    id: "facebook/dinov2-small",
    task: "photos",
    languages: [],
    dimension: 384,
    download: floats(22_056_576),
    license: "Apache-2.0",
    accuracy: null,
  },
  {
    ...CLIP,
    id: FIRST_MODEL,
    download: floats(38_587_392, 44_513_793, 49_408, 512),
    accuracy: { imagenet: 63.5, source: TINY_CLIP },
  },
  {
    ...CLIP,
    id: "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M",
    download: floats(39_691_776, 44_513_793, 49_408, 512),
    accuracy: { imagenet: 59.8, source: TINY_CLIP },
  },
  {
    ...CLIP,
    id: "openai/clip-vit-base-patch16",
    download: floats(86_192_640, 63_428_097, 49_408, 512),
    accuracy: { imagenet: 68.6, source: OPENAI },
  },
  {
    ...CLIP,
    id: "OFA-Sys/chinese-clip-vit-base-patch16",
    revision: "f4a64596bbcf9a2a94591b74b9dc39b2e4e77e3e",
    languages: ["zh"],
    download: floats(86_192_640, 102_070_273, 21_128, 768),
    accuracy: null,
  },
  {
    ...CLIP,
    id: "openai/clip-vit-base-patch32",
    revision: "refs/pr/15",
    download: floats(87_849_216, 63_428_097, 49_408, 512),
    accuracy: { imagenet: 63.2, source: OPENAI },
  },
  {
    ...CLIP,
    id: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    download: floats(87_849_216, 63_428_097, 49_408, 512),
    accuracy: { imagenet: 66.6, source: OPEN_CLIP },
  },
  {
    ...CLIP,
    id: "facebook/metaclip-2-worldwide-b32",
    languages: ["mul"],
    download: floats(87_849_216, 499_765_249, 901_629, 512),
    license: "CC-BY-NC-4.0",
    accuracy: null,
  },
  {
    ...CLIP,
    id: "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
    imageSize: 256,
    download: floats(87_860_736, 63_428_097, 49_408, 512),
    accuracy: { imagenet: 72.8, source: OPEN_CLIP },
  },
  {
    ...CLIP,
    id: "google/siglip2-base-patch16-256",
    languages: ["mul"],
    dimension: 768,
    imageSize: 256,
    download: floats(92_930_304, 282_303_746, 256_000, 768),
    license: "Apache-2.0",
    accuracy: { imagenet: 79.1, source: SIGLIP_2 },
  },
  {
    ...CLIP,
    id: "google/siglip2-base-patch32-256",
    languages: ["mul"],
    dimension: 768,
    imageSize: 256,
    download: floats(94_552_320, 282_303_746, 256_000, 768),
    license: "Apache-2.0",
    accuracy: null,
  },
  {
    ...CLIP,
    id: "openai/clip-vit-large-patch14",
    dimension: 768,
    download: floats(303_966_208, 123_650_305, 49_408, 768),
    accuracy: { imagenet: 75.3, source: OPENAI },
  },
  {
    ...CLIP,
    id: "sentence-transformers/clip-ViT-B-32-multilingual-v1",
    task: "texts",
    photosBy: "openai/clip-vit-base-patch32",
    languages: ["mul"],
    imageSize: 0,
    download: floats(0, 135_127_296, 119_547, 768),
    license: "Apache-2.0",
    accuracy: null,
  },
];

/** What is downloaded of a model in single precision, by the parameters of its towers, and by the tokens and the width of its table. */
function floats(vision: number, text?: number, tokens = 0, width = 0): ModelDownload {
  const table = 4 * tokens * width;
  const stays = table > LARGE_TABLE;
  return {
    vision: 4 * vision,
    text: text === undefined ? null : 4 * text - (stays ? table : 0),
    table,
    query: stays ? 4 * QUERY_TOKENS * width : 0,
  };
}

/** The revision that is loaded of a Hub model if none is asked for. */
export const revisionOf = (id: string): string => models.find((model) => model.id === id)?.revision ?? "main";
