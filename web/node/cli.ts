#!/usr/bin/env node
/**
 * The command line, `npx clip-vision`: the commands, arguments, output and exit status of the one in Rust (`crates/cli`), from
 * the same WebAssembly as a page's; and collections, which `index` writes and `search` searches.
 */

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { argumentsOf, Usage, type Arguments } from "./cli_arguments.js";
// The package's own scripts: what they load is loaded once.
import { ClipVision, ClipVisionError, type Classification, type Rgb, type StoredPrecision } from "./index.js";
import { Embeddings } from "./search.js";

/** What is read of a folder: the formats that Rust decodes. */
const PHOTO = /\.(jpe?g|png|webp|gif|bmp|tiff?|ico)$/i;
const DEVICE = "the npm package computes on the processor alone (--device cpu). The command line in Rust uses CUDA: cargo run --release -p clip-vision-cli --features cuda -- …";
/** Photos whose names are read from standard input before they are embedded together. */
const NAMES = 256;

/** Prints lines; a failure is on its line of JSON, or on stderr. */
class Lines {
  readonly #key: string;
  readonly #json: boolean;
  allGood = true;

  constructor(key: string, json: boolean) {
    this.#key = key;
    this.#json = json;
  }

  /** One line; `text` is that for people, `undefined` if they need none. */
  async print(name: string, answer: Record<string, unknown>, text: string | undefined): Promise<void> {
    const line = this.#json ? JSON.stringify({ [this.#key]: name, ...answer }) : text;
    if (line !== undefined) await printLines(line);
  }

  async fail(name: string, error: unknown): Promise<void> {
    this.allGood = false;
    if (this.#json) return this.print(name, { error: error instanceof Error ? error.message : String(error) }, undefined);
    complain(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const complain = (message: string): void => console.error(`clip-vision: ${printable(message, process.stderr.isTTY)}`);

/** On a terminal without control characters, by which the name of a file could drive it: they are written as JSON has them. */
function printable(text: string, isTerminal: boolean): string {
  // Tabs and line breaks are ours.
  return isTerminal ? text.replace(/[^\P{Cc}\t\n]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`) : text;
}

async function printLines(lines: string): Promise<void> {
  if (!process.stdout.write(`${printable(lines, process.stdout.isTTY)}\n`)) await once(process.stdout, "drain");
}

/** The shortest decimal number that is the same in 32 bits. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const rounded = (values: ArrayLike<number>): number[] => Array.from(values, shortest);

const isUrl = (text: string): boolean => /^(https?:\/\/|file:\/|data:[^\s,]*,)/i.test(text);

/** A photo's URL, or the path of its file. */
const addressOf = (photo: string): string => (isUrl(photo) ? photo : path.resolve(photo));

function load({ flags, values }: Arguments): Promise<ClipVision> {
  const { model = "", precision = "stored", device = "cpu", revision } = values;
  if (device !== "cpu") throw new Error(DEVICE);
  // The environment's token is the Hub's: no other server gets it.
  const ofHub = /^[^./\\:][^/\\:]*\/[^/\\:]+$/.test(model) && !existsSync(model);
  if (revision !== undefined && !ofHub) throw new Error("--revision is for a Hub model (owner/name)");
  const token = values["token"] ?? ((ofHub && process.env["HF_TOKEN"]) || undefined);
  return ClipVision.load(model, {
    ...(revision !== undefined && { hub: { revision } }),
    ...(token !== undefined && { token }),
    ...(precision !== "stored" && { precision: precision as "f32" | "int8" }),
    normalize: !flags.has("no-normalize"),
    onWarning: ({ message }) => complain(message),
  });
}

/** The last part of a model's address, without what may be secret: the same for a Hub id and a folder that is a copy of it. */
function lastPart(model: string): string {
  const [address = ""] = isUrl(model) ? model.split(/[?#]/) : [path.resolve(model)];
  return address.split(/[\\/]/).filter(Boolean).at(-1) ?? model;
}

/** What a collection calls the model. */
const nameOf = ({ model = "", name = lastPart(model) }: Arguments["values"]): string => name;

/** How photos are decoded. */
function decodingOf({ decode, background = "" }: Arguments["values"]): { decode: "exact" | "fast"; background: Rgb | "drop" } {
  const [red = 255, green = 255, blue = 255] = (background.match(/[\da-f]{2}/gi) ?? []).map((digits) => parseInt(digits, 16));
  return { decode: decode as "exact" | "fast", background: background === "drop" ? "drop" : [red, green, blue] };
}

/** Does something with a model, and lets go of it. */
async function withModel(asked: Arguments, lines: Lines, work: (clip: ClipVision) => Promise<void>): Promise<boolean> {
  const clip = await load(asked);
  try {
    await work(clip);
  } finally {
    clip.close();
  }
  return lines.allGood;
}

/** Does something with each photo's embedding; one that fails is said. */
async function eachPhoto(clip: ClipVision, asked: Arguments, photos: readonly string[], lines: Lines, use: (photo: string, embedding: Float32Array) => Promise<void>): Promise<void> {
  let next = 0;
  for await (const { embedding, error } of clip.embedMany(photos.map(addressOf), decodingOf(asked.values))) {
    const photo = photos[next] as string;
    next += 1;
    if (error) await lines.fail(photo, error);
    else await use(photo, embedding);
  }
}

/** Does something for each name, one after the other; one that fails is said. */
async function each(names: readonly string[], lines: Lines, work: (name: string) => Promise<void>): Promise<void> {
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      if (error instanceof ClipVisionError) await lines.fail(name, error);
      else throw error;
    }
  }
}

const embeddingLine = (lines: Lines) => (name: string, embedding: Float32Array) => {
  const values = rounded(embedding);
  return lines.print(name, { embedding: values }, `${name}\t${values.join(" ")}`);
};

/** Photos in groups: those that were named, and in place of `-` those that standard input names, however many. */
async function* named(photos: readonly string[]): AsyncGenerator<string[]> {
  let group: string[] = [];
  for (const photo of photos) {
    if (photo !== "-") {
      group.push(photo);
      continue;
    }
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      if (line !== "") group.push(line);
      if (group.length >= NAMES) yield group.splice(0);
    }
  }
  if (group.length > 0) yield group;
}

function embed(asked: Arguments): Promise<boolean> {
  const lines = new Lines("path", asked.flags.has("json"));
  return withModel(asked, lines, async (clip) => {
    for await (const photos of named(asked.rest)) await eachPhoto(clip, asked, photos, lines, embeddingLine(lines));
  });
}

function embedText(asked: Arguments): Promise<boolean> {
  const lines = new Lines("text", asked.flags.has("json"));
  const print = embeddingLine(lines);
  return withModel(asked, lines, async (clip) => {
    await clip.embedText(""); // a model without a text tower is no failure of a text
    await each(asked.rest, lines, async (text) => print(text, await clip.embedText(text)));
  });
}

async function classify(asked: Arguments): Promise<boolean> {
  const lines = new Lines("path", asked.flags.has("json"));
  const { labels = "", template = "", in: file } = asked.values;
  const names = labels.split(",");
  const decoding = decodingOf(asked.values);
  const print = async (photo: string, ranked: readonly Classification[]): Promise<void> => {
    const probabilities = rounded(names.map((label) => ranked.find((one) => one.label === label)?.score ?? 0));
    const text = ranked.map(({ label, score }) => `${label} ${score.toFixed(4)}`).join("\t");
    await lines.print(photo, { label: ranked[0]?.label, probabilities }, `${photo}\t${text}`);
  };
  const collection = file === undefined ? undefined : await openCollection(file, asked.values);
  const photos = collection ? [] : await photosIn(asked.rest);
  const work = async (clip: ClipVision): Promise<void> => {
    await clip.embedText(""); // a model without a text tower is no failure of a photo
    await each(photos, lines, async (photo) => print(photo, await clip.classify(addressOf(photo), names, { template, ...decoding })));
    await each(collection?.ids() ?? [], lines, async (id) => {
      const embedding = await collection?.get(id);
      if (embedding) await print(id, await clip.classify(embedding, names, { template }));
    });
  };
  return withModel(asked, lines, work).finally(() => collection?.close());
}

/** Photos that were named, and all those in folders, by their paths. */
async function photosIn(paths: readonly string[]): Promise<string[]> {
  const photos: string[] = [];
  for (const one of paths) {
    if (isUrl(one) || !(await stat(one).catch(() => undefined))?.isDirectory()) {
      photos.push(one); // one that is not there fails in its turn
      continue;
    }
    const files = await readdir(one, { recursive: true });
    photos.push(...files.filter((file) => PHOTO.test(file)).sort().map((file) => path.join(one, file)));
  }
  return [...new Set(photos.map((photo) => (isUrl(photo) ? photo : photo.split(path.sep).join("/"))))];
}

/** Writes a file: beside its place first, so that whoever reads it has the old one or the new. */
async function writeBlob(out: string, blob: Blob): Promise<void> {
  const temporary = `${out}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, blob.stream());
    await rename(temporary, out);
  } finally {
    await rm(temporary, { force: true });
  }
}

function convert(asked: Arguments): Promise<boolean> {
  const { precision: stored, out = "", ...values } = asked.values;
  return withModel({ ...asked, values }, new Lines("path", false), async (clip) => {
    const blob = await clip.toBlob({ precision: stored as StoredPrecision, visionOnly: asked.flags.has("vision-only") });
    await writeBlob(out, blob);
  });
}

async function index(asked: Arguments): Promise<boolean> {
  const lines = new Lines("path", asked.flags.has("json"));
  const { out = "", rows } = asked.values;
  const photos = await photosIn(asked.rest);
  if (photos.length === 0) throw new Error(`there are no photos in ${asked.rest.join(", ")}`);
  const collection = new Embeddings<string>({ precision: rows as "f32" | "int8", model: nameOf(asked.values) });
  return withModel(asked, lines, async (clip) => {
    await eachPhoto(clip, asked, photos, lines, async (photo, embedding) => {
      await collection.add(photo, embedding);
      await lines.print(photo, {}, undefined);
    });
    if (collection.size === 0) throw new Error(`none of ${photos.length} photos could be embedded: ${out} is not written`);
    try {
      await writeBlob(out, await collection.toBlob());
    } finally {
      collection.close();
    }
    if (!asked.flags.has("quiet")) complain(`${collection.size} photos in ${out}`);
  });
}

/** A collection of the model that is asked for: of another its embeddings can't be compared. */
async function openCollection(file: string, values: Arguments["values"]): Promise<Embeddings<string>> {
  const collection = await Embeddings.load<string>(path.resolve(file));
  const { model } = collection;
  // A page may have saved the whole address.
  if (model !== undefined && model !== nameOf(values) && lastPart(model) !== nameOf(values)) {
    collection.close();
    throw new Error(`${file} is of the model "${model}", not of "${nameOf(values)}": their embeddings can't be compared. If it is the same model, give --name "${model}"`);
  }
  return collection;
}

async function search(asked: Arguments): Promise<boolean> {
  const lines = new Lines("query", asked.flags.has("json"));
  const { in: file = "", top } = asked.values;
  const collection = await openCollection(file, asked.values);
  const decoding = decodingOf(asked.values);
  const isFile = async (name: string) => (await stat(name).catch(() => undefined))?.isFile() === true;
  return withModel(asked, lines, async (clip) => {
    await each(asked.rest, lines, async (query) => {
      const embedding = isUrl(query) || (await isFile(query)) ? await clip.embed(addressOf(query), decoding) : await clip.embedText(query);
      const found = (await collection.search(embedding, Number(top))).map(({ id, score }) => ({ id, score: shortest(score) }));
      await lines.print(query, { found }, found.map(({ id, score }) => `${query}\t${score.toFixed(4)}\t${id}`).join("\n"));
    });
    collection.close();
  });
}

async function duplicates({ flags, values }: Arguments): Promise<boolean> {
  const collection = await Embeddings.load<string>(path.resolve(values["in"] ?? ""));
  try {
    for (const { ids, similarity } of await collection.nearDuplicates({ threshold: Number(values["threshold"]) })) {
      const [one] = rounded([similarity]);
      const line = flags.has("json") ? JSON.stringify({ ids, similarity: one }) : `${similarity.toFixed(4)}\t${ids.join("\t")}`;
      await printLines(line);
    }
  } finally {
    collection.close();
  }
  return true;
}

function run(asked: Arguments): Promise<boolean> {
  switch (asked.command) {
    case "embed":
      return embed(asked);
    case "embed-text":
      return embedText(asked);
    case "classify":
      return classify(asked);
    case "index":
      return index(asked);
    case "search":
      return search(asked);
    case "duplicates":
      return duplicates(asked);
    default:
      return convert(asked);
  }
}

async function main(): Promise<void> {
  // Whoever reads our output has enough of it.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  try {
    process.exitCode = (await run(argumentsOf(process.argv.slice(2), version))) ? 0 : 1;
  } catch (error) {
    process.exitCode = error instanceof Usage ? error.status : 1;
    if (!(error instanceof Usage)) complain(error instanceof Error ? error.message : String(error));
    else if (error.status === 0) console.log(error.message);
    else console.error(error.message);
  }
}

await main();
