/**
 * The checksums that an application gave, while a part of a model is loaded. With them what was checked is what is used:
 * every file that is used needs one, and every one needs its file. A server can only answer with what was meant, or fail.
 */

import type { Part } from "../shared/cache.js";
import { ClipVisionError, messageOf } from "../shared/errors.js";
import { checkSha256, type Verified } from "../shared/integrity.js";
import { FILE_NAMES, nameOfFile, OPEN_CLIP, openClipOf, TOKENIZERS, type Role } from "../shared/model_files.js";
import type { WireLoad, WireModel } from "../shared/protocol.js";
import type { Engine } from "./engine.js";
import { isOfModules, MODULES } from "./modules.js";

/** A sha256 on its way, and what it has to be. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** Throws `integrity`. */
  check(): void;
}

/** The checksums of one part of a model; without any, nothing is checked. */
export class Checksums {
  readonly #model: WireModel;
  readonly #wanted: ReadonlyMap<string, string> | undefined;
  readonly #files = new Map<string, string>();
  #shards: readonly string[] = [];

  constructor({ model, integrity }: WireLoad) {
    this.#model = model;
    this.#wanted = integrity && new Map(Object.entries(integrity));
  }

  /** Whether the weights are to be those of an index: not left to the server, which could choose what is not checked. */
  get sharded(): boolean {
    const { weights, index } = this.#model;
    return index !== undefined && !this.has(nameOfFile(weights)) && this.has(nameOfFile(index));
  }

  /** Whether there is one for the file of this name. */
  has(name: string): boolean {
    return this.#wanted?.has(name) ?? false;
  }

  /** Whether the weights are to be ONNX files, for the same reason. */
  get onnx(): boolean {
    const { weights, index } = this.#model;
    const others = [weights, index].some((file) => file && this.has(nameOfFile(file)));
    return !others && this.#onnxFiles().length > 0;
  }

  /** The files of weights that were chosen in the place of the usual one. */
  get chosen(): readonly string[] {
    if (this.onnx) return this.#onnxFiles().sort();
    return this.sharded && this.#model.index ? [nameOfFile(this.#model.index)] : [];
  }

  /** Takes it that the weights are ONNX files: those that have checksums, and whichever of them the part needs. */
  takeOnnx(): void {
    this.#shards = this.#onnxFiles();
  }

  #onnxFiles(): string[] {
    return [...(this.#wanted?.keys() ?? [])].filter((name) => /\.onnx(_data)?$/.test(name));
  }

  /** Throws `integrity` if there are checksums, but none for the file of this name, or for any of several in each other's place. */
  require(...names: string[]): void {
    if (!this.#wanted || names.some((name) => this.has(name))) return;
    throw new ClipVisionError("integrity", `${names.join(" or ")} has no checksum: with \`integrity\` every file that is used needs one, by its name`);
  }

  /** The hash of a file that is about to be used; nothing without checksums. Throws `integrity` if there is none for it. */
  hash(engine: Engine, name: string): Hash | undefined {
    this.require(name);
    const expected = this.#wanted?.get(name);
    if (expected === undefined) return undefined;
    const hash = new engine.Sha256();
    return {
      update: (bytes) => hash.update(bytes),
      check: () => {
        checkSha256(hash.finish(), expected, name);
        this.#files.set(name, expected);
      },
    };
  }

  /** Throws `integrity` if there is one for a file that, as it turns out, is not there. */
  missing(name: string, cause: unknown): void {
    if (!this.has(name)) return;
    throw new ClipVisionError("integrity", `${name} has a checksum, but is not there: ${messageOf(cause)}`, { cause });
  }

  /** Takes an index that was checked: the files that it names may have checksums, whichever the part needs. */
  takeIndex(json: Uint8Array): void {
    if (!this.#wanted) return;
    const { weight_map: files = {} } = JSON.parse(new TextDecoder().decode(json)) as { weight_map?: Record<string, string> };
    this.#shards = [...new Set(Object.values(files))];
  }

  /** Throws `integrity` for a name that no file of the model has, before the weights are downloaded: a slip, most likely. */
  checkNames(): void {
    const { weights, index, ...others } = this.#model;
    const files = [...Object.values(others), this.sharded ? index : weights].flatMap((file) => (file ? [nameOfFile(file)] : []));
    const known = new Set([...files, ...this.#shards, ...this.#ofModules()]);
    for (const name of this.#wanted?.keys() ?? []) {
      if (known.has(name)) continue;
      const names = [...known].join(", ");
      throw new ClipVisionError("integrity", `\`integrity\` has a checksum for ${name}, which is no file that is used: these are ${names}`);
    }
  }

  /** The files of a model that `modules.json` lists, which is checked itself. */
  #ofModules(): string[] {
    return this.has(MODULES) ? [...(this.#wanted?.keys() ?? [])].filter(isOfModules) : [];
  }

  /** What has been checked; nothing if nothing was to be. */
  get verified(): Verified | undefined {
    return this.#wanted && { files: Object.fromEntries(this.#files), shards: [...this.#shards, ...this.#ofModules()] };
  }
}

/** Whether checksums say that the files are those that open_clip writes. */
export function isOpenClip({ integrity, model }: WireLoad): boolean {
  return integrity !== undefined && !(FILE_NAMES.config in integrity) && OPEN_CLIP.config in integrity && openClipOf(model) !== undefined;
}

/** The names of the files that checksums choose where a server may have others too: without them it could be another model. */
export function chosenBy(load: WireLoad): readonly string[] {
  const openClip = isOpenClip(load);
  const model = (openClip && openClipOf(load.model)) || load.model;
  return [...(openClip ? [OPEN_CLIP.config] : []), ...new Checksums({ ...load, model }).chosen];
}

/**
 * Whether what a part in the cache was verified with is what is asked for now: each file that it was made of has the
 * checksum that it should have, and no file has one that the part lacks.
 */
export function covers({ integrity, model }: WireLoad, part: Part, verified: Verified | undefined): boolean {
  if (!integrity) return true;
  if (!verified) return false;
  const { shards } = verified;
  const [wanted, files] = [new Map(Object.entries(integrity)), new Map(Object.entries(verified.files))];
  if ([...files].some(([name, sha256]) => wanted.get(name) !== sha256)) return false;
  const named = (role: Role) => model[role] && nameOfFile(model[role]);
  const groups = TOKENIZERS.map((roles) => roles.map(named));
  const ofTokenizer = new Set(groups.flat());
  // The vision tower comes first: by the time of the text tower, the files that are not the tokenizer's are in order.
  const elsewhere = (name: string) => (part === "vision" ? ofTokenizer.has(name) || shards.includes(name) : !ofTokenizer.has(name));
  // Beside a `tokenizer.json` the other files are not read, and so on.
  const used = groups.findIndex((names) => names.some((name) => files.has(name ?? "")));
  const spare = new Set(part === "text" && used >= 0 ? groups.slice(used + 1).flat() : []);
  return [...wanted.keys()].every((name) => files.has(name) || elsewhere(name) || spare.has(name));
}
