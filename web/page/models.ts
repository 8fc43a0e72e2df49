/**
 * Models that are known to have the layout that this package reads, with what one wants to know before choosing.
 *
 * Where the numbers come from: accuracies and licenses are what papers and model cards publish (CLIP: arXiv 2103.00020,
 * table 11; OpenCLIP: the models' cards; TinyCLIP: arXiv 2309.12314); parameters follow from the architecture, and
 * bytes are four times as many, for single precision.
 *
 * What could not be verified, since no hub could be reached when the list was written: that each revision holds
 * `model.safetensors` today. Public code loads it from `main` of L/14, of LAION's and of TinyCLIP; of B/16 one public
 * script names its checksum on `main`. Of OpenAI's B/32 `main` has PyTorch's pickle alone (public logs show the 404), and
 * `refs/pr/15`, the hub's own conversion, is what others load.
 *
 * Nor could it be found out which commits these revisions stand for, and the checksums of their files: so none is pinned.
 * `revision` names a branch, or a proposed change, and what is loaded is what its owner last put there. Whoever wants the
 * same files tomorrow gives `ClipVision.load` a commit as its `revision`, and `integrity`.
 */

/** A model that is known to work. */
export interface KnownModel {
  /** The Hub id: what `ClipVision.load` takes. */
  readonly id: string;
  /**
   * The revision that has safetensors; used where none is asked for. Of no entry yet a commit, which would fix the files: a
   * branch can be moved by its owner.
   */
  readonly revision: string;
  /** Bytes of the weights' file, with both towers; its header excluded. */
  readonly bytes: number;
  /** Bytes of the vision tower: all that is downloaded, unless texts are asked for. */
  readonly visionBytes: number;
  /** Values of an embedding. */
  readonly dimension: number;
  /** Width and height that photos are brought to, in pixels. */
  readonly imageSize: number;
  /** The SPDX identifier. */
  readonly license: string;
  /** Zero-shot top-1 accuracy on ImageNet, in percent, as published; `null` where none is. */
  readonly accuracy: number | null;
}

/** Zero-shot CLIPs by how much is downloaded, the smallest first. Any other id in the same layout works as well. */
export const models: readonly KnownModel[] = [
  {
    id: "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
    revision: "main",
    ...floats(8_276_992, 15_169_025),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 41.1,
  },
  {
    id: "wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M",
    revision: "main",
    ...floats(38_587_392, 44_513_793),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 63.5,
  },
  {
    id: "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M",
    revision: "main",
    ...floats(39_691_776, 44_513_793),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 59.8,
  },
  {
    id: "openai/clip-vit-base-patch16",
    revision: "main",
    ...floats(86_192_640, 63_428_097),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 68.6,
  },
  {
    id: "openai/clip-vit-base-patch32",
    revision: "refs/pr/15",
    ...floats(87_849_216, 63_428_097),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 63.2,
  },
  {
    id: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    revision: "main",
    ...floats(87_849_216, 63_428_097),
    dimension: 512,
    imageSize: 224,
    license: "MIT",
    accuracy: 66.6,
  },
  {
    id: "openai/clip-vit-large-patch14",
    revision: "main",
    ...floats(303_966_208, 123_650_305),
    dimension: 768,
    imageSize: 224,
    license: "MIT",
    accuracy: 75.3,
  },
];

/** Sizes of a model in single precision, of its towers' parameters. */
function floats(vision: number, text: number): { bytes: number; visionBytes: number } {
  return { bytes: 4 * (vision + text), visionBytes: 4 * vision };
}

/** The revision that is loaded of a Hub model if none is asked for. */
export const revisionOf = (id: string): string => models.find((model) => model.id === id)?.revision ?? "main";
