/**
 * Where a model's files are: a Hub id, the URL of a folder, or each file by itself -> addresses and Blobs that the worker
 * reads. Runs on the page, since only the page knows what a relative address is relative to.
 */

import { invalid } from "../shared/errors.js";
import { shortUrl } from "../shared/files.js";
import { FILE_NAMES, type Role } from "../shared/model_files.js";
import { platform } from "../shared/platform.js";
import type { WireFile, WireModel } from "../shared/protocol.js";
import { withoutSecrets } from "../shared/redact.js";
import { absoluteUrl, copied, isBlob, isBuffer, isUrl, tagOf } from "../shared/values.js";
import { revisionOf } from "./models.js";

/** A file of a model: its address (a string is relative to the page), or its content. */
export type FileSource = string | URL | Blob | ArrayBuffer | ArrayBufferView;

/** The files of a model, one by one. */
export interface ModelFiles {
  /** `config.json`; not of weights that `clip-vision convert` wrote, which carry it along. */
  config?: FileSource | undefined;
  /** `preprocessor_config.json`. Without it and `processor`: CLIP's own preprocessing at the model's image size. */
  preprocessor?: FileSource | undefined;
  /** `processor_config.json`, which newer models have in its place. */
  processor?: FileSource | undefined;
  /** `model.safetensors`, in f32, f16 or bf16; the vision tower alone, or both. Or a file that `clip-vision convert` wrote. */
  weights: FileSource;
  /** `tokenizer.json`, for texts. */
  tokenizer?: FileSource | undefined;
  /** `vocab.json`: with `merges`, what older models have in place of `tokenizer.json`. */
  vocab?: FileSource | undefined;
  /** `merges.txt` */
  merges?: FileSource | undefined;
  /** `vocab.txt`: the words of BERT's tokenizers, which a Chinese-CLIP may have in place of `tokenizer.json`. */
  wordPieces?: FileSource | undefined;
  /** `tokenizer_config.json`: what there is to say of those, and how long a Chinese-CLIP's texts may be. */
  tokenizerConfig?: FileSource | undefined;
}

/**
 * A CLIP model in Hugging Face's layout (`config.json`, `preprocessor_config.json` or `processor_config.json`,
 * `model.safetensors`, or several files with `model.safetensors.index.json`, or the ONNX files of a folder `onnx`; for texts
 * `tokenizer.json`, or `vocab.json` and `merges.txt`, or `vocab.txt`):
 *
 * - `"owner/name"`: a model of the Hugging Face Hub; in Node a folder or file of that path, if there is one;
 * - the URL of a folder, as `URL` or as a string that is absolute or begins with `/`, `./` or `../` (relative to the page);
 * - the URL of one file that `clip-vision convert` wrote: it ends in `.safetensors`;
 * - that file itself, as a Blob or File;
 * - its files, as addresses, Blobs (a folder that the user picked) or bytes.
 */
export type ModelSource = string | URL | Blob | ModelFiles;

/** Where a Hub id leads. */
export interface HubOptions {
  /** The base URL of the Hub, or of a mirror with the same layout. Default `https://huggingface.co`. */
  endpoint?: string | URL;
  /** The branch, tag or commit of a Hub model. Default: that of the list `models`, and `main` of models that are not in it. Only a commit fixes the files. */
  revision?: string;
}

const HUB = "https://huggingface.co";
const OPTIONAL = ["config", "preprocessor", "processor", "tokenizer", "vocab", "merges", "wordPieces", "tokenizerConfig"] as const;
const HUB_ID = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/**
 * Two plain names and one slash. A path that begins with a dot or a slash never is one; in Node none is that is there.
 */
const isHubId = (source: string): boolean => HUB_ID.test(source) && !platform()?.exists(source);

const absolute = (address: string | URL): URL =>
  absoluteUrl(address, (text) => `"${shortUrl(text)}" is neither a URL nor a Hub id like "owner/name"`);

/** A file in a folder; a query (a token, say) is kept. */
function within(folder: URL, name: string): string {
  const file = new URL(folder);
  file.pathname = `${folder.pathname.replace(/\/$/, "")}/${name}`;
  file.hash = "";
  return file.href;
}

function inFolder(folder: URL): WireModel {
  const file = (role: Role) => ({ url: within(folder, FILE_NAMES[role]) });
  const optional = [...OPTIONAL.slice(1), "index" as const].map((role) => [role, { ...file(role), optional: true }]);
  return { config: file("config"), weights: file("weights"), ...Object.fromEntries(optional) };
}

/** A folder, or one file that holds everything. */
function at(url: URL): WireModel {
  return /\.safetensors$/i.test(url.pathname) ? { weights: { url: url.href } } : inFolder(url);
}

function wireFile(source: unknown, role: Role): WireFile {
  const name = FILE_NAMES[role];
  if (typeof source === "string" || isUrl(source)) return { url: absolute(source).href };
  // A Blob is handed over by reference, now and after a crash; bytes become one once, outside JavaScript's memory.
  if (isBlob(source)) return { blob: source, name: "name" in source ? String(source.name) : name };
  if (isBuffer(source)) return { blob: new Blob([copied(source)]), name };
  throw invalid(`The model's ${role} must be a URL, a Blob or bytes, not ${tagOf(source)}`);
}

/** The name by which a person knows a model: the Hub id, the folder's address without secrets, or "files". */
export const modelName = (source: ModelSource): string =>
  typeof source === "string" || isUrl(source) ? withoutSecrets(String(source)) : "files";

/** The revision of a Hub model; `undefined` for everything else. */
export function modelRevision(source: ModelSource, { revision }: HubOptions): string | undefined {
  return typeof source === "string" && isHubId(source) ? (revision ?? revisionOf(source)) : undefined;
}

/** The files that the worker reads. Throws `invalid-argument` for what cannot be a model. */
export function resolveModel(source: ModelSource, { endpoint = HUB, revision }: HubOptions = {}): WireModel {
  if (typeof source === "string") {
    if (source === "") throw invalid("The model's name is empty");
    if (!isHubId(source)) return at(absolute(source));
    const folder = `${source}/resolve/${encodeURIComponent(revision ?? revisionOf(source))}`;
    return inFolder(absolute(within(absolute(endpoint), folder)));
  }
  if (isUrl(source)) return at(source);
  if (isBlob(source)) return { weights: wireFile(source, "weights") };
  if (typeof source !== "object" || source === null) throw invalid(`A model must be a Hub id, a URL or its files, not ${tagOf(source)}`);
  const given = OPTIONAL.filter((role) => source[role] !== undefined);
  return {
    weights: wireFile(source.weights, "weights"),
    ...Object.fromEntries(given.map((role) => [role, wireFile(source[role], role)])),
  };
}
