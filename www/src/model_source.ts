/** Which model is meant: the bundled one, a name on the Hub, an address, or files that the user picked. */

/** The bundled model: a small CLIP that knows drawn shapes, served beside the page. */
export interface BundledModel {
  kind: "bundled";
  label: string;
}

/** A model on the Hugging Face Hub, or on a server that answers like it (`hub`). */
export interface HubModel {
  kind: "hub";
  label: string;
  id: string;
  revision?: string;
  hub?: string;
}

/** A directory on a web server. */
export interface AddressedModel {
  kind: "address";
  label: string;
  url: string;
}

/** Files from disk. Without a preprocessor_config.json CLIP's own preprocessing applies; texts need a tokenizer. */
export interface FolderModel {
  kind: "folder";
  label: string;
  config: Blob;
  weights: Blob;
  /** What a model can do without, by its name in the package. */
  optional: { preprocessor?: Blob; tokenizer?: Blob; vocab?: Blob; merges?: Blob };
}

export type ModelSource = BundledModel | HubModel | AddressedModel | FolderModel;

export const BUNDLED: BundledModel = { kind: "bundled", label: "Shapes" };

/** A choice that can't be loaded, with the sentence to show. */
export class ChoiceError extends Error {}

const HUB_ID = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/;
const ADDRESS = /^(https?:\/\/|\.{0,2}\/)/;

/** What a person typed or an address named: a Hub id (`owner/name`, `owner/name@revision`) or a directory's URL. */
export function parseModel(text: string, base: string, hub?: string): HubModel | AddressedModel {
  const typed = text.trim();
  if (typed === "") throw new ChoiceError("Type the name of a model, such as openai/clip-vit-base-patch32.");
  if (ADDRESS.test(typed)) {
    const url = URL.canParse(typed, base) ? new URL(typed, base) : null;
    if (!url) throw new ChoiceError(`\u201c${typed}\u201d is not a complete address.`);
    return { kind: "address", label: nameOf(url), url: url.href.endsWith("/") ? url.href : `${url.href}/` };
  }
  if (!HUB_ID.test(typed)) {
    throw new ChoiceError(
      `\u201c${typed}\u201d is neither a model's name on the Hub (owner/name) nor the address of a folder (https://\u2026).`,
    );
  }
  const [id = typed, revision] = typed.split("@");
  return { kind: "hub", label: id, id, ...(revision && { revision }), ...(hub && { hub }) };
}

const nameOf = (url: URL): string => url.pathname.split("/").filter(Boolean).at(-1) ?? url.host;

/** The hub that the page's own address names (`?hub=…`), complete. */
export function hubInAddress(address: string): string | undefined {
  const hub = new URL(address).searchParams.get("hub");
  if (hub === null) return undefined;
  if (!URL.canParse(hub, address)) throw new ChoiceError(`\u201c${hub}\u201d is not a complete address.`);
  return new URL(hub, address).href;
}

/** The model that the page's own address asks for (`?model=…&hub=…`), or null. */
export function modelInAddress(address: string): HubModel | AddressedModel | null {
  const model = new URL(address).searchParams.get("model");
  return model === null ? null : parseModel(model, address, hubInAddress(address));
}

/** The hosts that the page's own address has this page ask beside its own: whoever made the link chose them. */
export function strangersIn(address: string): string[] {
  const asked = [() => hubInAddress(address), () => addressOf(modelInAddress(address))].flatMap((find) => asUrl(find) ?? []);
  return [...new Set(asked.filter(({ origin }) => origin !== new URL(address).origin).map(({ host, href }) => host || href))];
}

const addressOf = (model: HubModel | AddressedModel | null): string | undefined => (model?.kind === "address" ? model.url : undefined);

/** The address that is found; none for a choice that can't be loaded, which is said when it is tried. */
function asUrl(find: () => string | undefined): URL | undefined {
  try {
    const found = find();
    return found === undefined ? undefined : new URL(found);
  } catch (error) {
    if (error instanceof ChoiceError) return undefined;
    throw error;
  }
}

/** A file with its path inside the folder that was picked or dropped. */
export interface PlacedFile {
  path: string;
  file: File;
}

/** The files of an `<input webkitdirectory>`. */
export const placed = (files: Iterable<File>): PlacedFile[] =>
  Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));

const NEEDED = "A CLIP folder holds config.json, model.safetensors and, mostly, preprocessor_config.json.";

const OPTIONAL = {
  preprocessor: "preprocessor_config.json",
  tokenizer: "tokenizer.json",
  vocab: "vocab.json",
  merges: "merges.txt",
};

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const depth = (path: string): number => path.split("/").length;

/** Whether a folder looks like a model's rather than like one of photos. */
export const looksLikeModel = (files: readonly PlacedFile[]): boolean =>
  files.some(({ path }) => baseName(path) === "config.json" || path.endsWith(".safetensors"));

/** The model among a folder's files: beside its outermost config.json. Throws a {@link ChoiceError} that says what is missing. */
export function modelInFolder(files: readonly PlacedFile[]): FolderModel {
  if (files.length === 0) throw new ChoiceError(`That folder is empty. ${NEEDED}`);
  const outermost = [...files].sort((a, b) => depth(a.path) - depth(b.path));
  const config = outermost.find(({ path }) => baseName(path) === "config.json");
  const root = folderOf(config?.path ?? outermost[0]?.path ?? "");
  const label = baseName(root) || "dropped files";
  if (!config) throw new ChoiceError(`The folder \u201c${label}\u201d has no config.json. ${NEEDED}`);

  const beside = (name: string): File | undefined =>
    files.find(({ path }) => folderOf(path) === root && baseName(path) === name)?.file;
  const weights = beside("model.safetensors");
  if (!weights) throw new ChoiceError(`${withoutWeights(label, beside)} ${NEEDED}`);
  const optional = Object.entries(OPTIONAL).flatMap(([role, name]) => {
    const file = beside(name);
    return file ? [[role, file]] : [];
  });
  return { kind: "folder", label, config: config.file, weights, optional: Object.fromEntries(optional) };
}

function withoutWeights(label: string, beside: (name: string) => File | undefined): string {
  if (beside("model.safetensors.index.json")) {
    return `The folder \u201c${label}\u201d has its weights in several pieces, which can't be read here: one model.safetensors is needed.`;
  }
  if (beside("pytorch_model.bin")) {
    return `The folder \u201c${label}\u201d has its weights as pytorch_model.bin only, which can't be read safely: model.safetensors is needed.`;
  }
  return `The folder \u201c${label}\u201d has no model.safetensors.`;
}
