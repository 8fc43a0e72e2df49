/** Addresses of models that can't be loaded: what is there in place of what is read, and what to do. */

import { beside } from "../shared/files.js";
import { ClipVisionError } from "../shared/errors.js";
import { FILE_NAMES } from "../shared/model_files.js";
import type { WireModel } from "../shared/protocol.js";
import { readAll } from "../shared/sources.js";
import { RemoteFile, type Network } from "../shared/remote_file.js";
import { MODULES } from "./modules.js";

/** Weights as pickles: transformers', and open_clip's, which transformers does not read. */
const PICKLES = ["pytorch_model.bin", "open_clip_pytorch_model.bin"] as const;
const LORA = "adapter_config.json";
/** Of sentence-transformers' models whose `config.json` is in a folder of its own. */
const IN_FOLDERS =
  `${MODULES} is there without a ${FILE_NAMES.config} beside it: of sentence-transformers' clip-ViT-B-32 and its like load the model that ` +
  `it was made of (openai/clip-vit-base-patch32); of another model move the files in 0_Transformer beside ${MODULES}, which has to give it the path "" then`;
/** Bytes of an adapter_config.json. */
const MOST = 1 << 20;
/** Letters of another model's name that are repeated. */
const LONGEST_NAME = 100;

/** The error of a file that is not there; where something else is, that says so. */
export async function hinted(error: ClipVisionError, { weights }: WireModel, network: Network, signal: AbortSignal): Promise<unknown> {
  if (!("url" in weights)) return error;
  const { url } = weights;
  const instead = async (): Promise<string | undefined> => {
    if (await isThere(beside(url, MODULES), network, signal)) {
      if (!(await isThere(beside(url, FILE_NAMES.config), network, signal))) return IN_FOLDERS;
    }
    const lora = await read(beside(url, LORA), network, signal);
    if (lora) {
      return `this is a LoRA${baseOf(lora)} (${LORA}), which changes another model: merge the two with peft (merge_and_unload) and save that`;
    }
    for (const name of PICKLES) {
      if (await isThere(beside(url, name), network, signal)) return pickle(name);
    }
    return undefined;
  };
  const hint = await instead();
  signal.throwIfAborted();
  return hint === undefined ? error : new ClipVisionError("fetch", hint, { status: error.status, url: error.url, cause: error });
}

async function read(url: string, network: Network, signal: AbortSignal): Promise<Uint8Array | undefined> {
  return readAll(new RemoteFile(url, network, { whole: true, patient: false, most: MOST }), signal, MOST).catch(() => undefined);
}

/** Whether there is a file, of which no more than its beginning is read. */
async function isThere(url: string, network: Network, signal: AbortSignal): Promise<boolean> {
  let seen = false;
  const sink = { wanted: () => (seen ? undefined : ([0, 1] as const)), take: () => void (seen = true), size: () => undefined };
  await new RemoteFile(url, network, { patient: false }).read(sink, signal).catch(() => undefined);
  return seen;
}

function pickle(name: (typeof PICKLES)[number]): string {
  if (name === "pytorch_model.bin") {
    const advice = "save the model as safetensors, with transformers AutoModel.from_pretrained(ID).save_pretrained(FOLDER)";
    return `there is no model.safetensors, and ${name} is not read: ${advice}`;
  }
  const file = "open_clip_model.safetensors";
  const advice = `save the weights as safetensors, with safetensors.torch.save_file(torch.load("${name}", weights_only=True), "${file}")`;
  return `there is no ${file}, and ${name} is not read: ${advice}`;
}

function baseOf(config: Uint8Array): string {
  try {
    const { base_model_name_or_path: base } = JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown>;
    if (typeof base !== "string") return "";
    const letters = [...base];
    return ` of ${letters.slice(0, LONGEST_NAME).join("")}${letters.length > LONGEST_NAME ? "…" : ""}`;
  } catch {
    return "";
  }
}
