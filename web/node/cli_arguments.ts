/** What may follow `clip-vision` on the command line: the commands with their options, as tables of which help is printed. */

import { parseArgs } from "node:util";

/** An option: a flag, or one with a value. */
interface Option {
  readonly help: string;
  /** What the value is called; none: a flag. */
  readonly value?: string;
  readonly default?: string;
  readonly required?: true;
  /** One letter that stands for it. */
  readonly short?: string;
  /** It may be given more than once: the values are one, with commas between them. */
  readonly many?: true;
  /** What is wrong with a value, if anything is. */
  readonly check?: (text: string) => string | undefined;
}

interface Command {
  readonly help: string;
  readonly options: Readonly<Record<string, Option>>;
  /** What the rest are called; at least one is needed. None: there are none. */
  readonly rest?: string;
  /** An option in place of the rest, and of the options that are about them. */
  readonly inPlace?: { readonly of: string; readonly without: readonly string[]; readonly only: readonly string[] };
}

/** What the command line in Rust alone has. */
const IN_RUST = ["info", "merge", "completions", "man"];
/** Options that it alone has, of commands that both have. */
const OPTIONS_IN_RUST: Readonly<Record<string, readonly string[]>> = { search: ["thumbnails"] };

/** How to get the other command line. */
const RUST = "cargo run --release -p clip-vision-cli -- …";

const oneOf = (...values: string[]) => (text: string) => (values.includes(text) ? undefined : `it is none of ${values.join(", ")}`);

const COMMON: Record<string, Option> = {
  model: {
    value: "DIR",
    required: true,
    help: "A Hugging Face CLIP directory, a file that `convert` wrote, a Hub id (owner/name) or a URL",
  },
  revision: { value: "REVISION", help: "The branch, tag or commit of a Hub model" },
  token: { value: "TOKEN", help: "An access token for a private or gated model. For a Hub model HF_TOKEN in the environment does too, which other users of the machine can't see" },
  precision: { value: "PRECISION", default: "stored", check: oneOf("stored", "f32", "int8"), help: "The arithmetic of the model: f32, int8, or as the weights are stored" },
  device: { value: "DEVICE", default: "cpu", help: "Where the model runs: cpu" },
  json: { help: "Print a line of JSON each" },
};
const LENGTH: Record<string, Option> = {
  "no-normalize": { help: "Leave the embeddings at their own length, instead of length 1" },
};
const NAME: Record<string, Option> = {
  name: { value: "NAME", help: "What the collection calls the model [default: the last part of --model, its folder's or file's name]" },
};
const IMAGES: Record<string, Option> = {
  decode: { value: "DECODE", default: "exact", check: oneOf("exact", "fast"), help: "How JPEGs are decoded: exact, every value as Pillow's; or fast, at a fraction of their size" },
  background: {
    value: "COLOR",
    default: "ffffff",
    check: (text) => (text === "drop" || /^#?[\da-f]{6}$/i.test(text) ? undefined : "it is neither a color like ffffff nor drop"),
    help: "What shows through what is transparent: a color as RRGGBB; or drop, which drops opacity",
  },
};

const COMMANDS: Readonly<Record<string, Command>> = {
  embed: {
    help: "Print the embedding of each image, a file or a URL; - reads their names from standard input, one a line. Exits with 1 if any image failed",
    options: { ...COMMON, ...LENGTH, ...IMAGES },
    rest: "IMAGE",
  },
  "embed-text": {
    help: "Print the embedding of each text, in the same space as the images'. Exits with 1 if any text failed",
    options: { ...COMMON, ...LENGTH },
    rest: "TEXT",
  },
  classify: {
    help: "Print how likely each label is for each image, of a folder for all images in it, without training for them. Exits with 1 if any image failed",
    options: {
      ...COMMON,
      labels: { value: "A,B,…", required: true, many: true, help: "What an image may show, in words; commas between them" },
      template: {
        value: "TEMPLATE",
        default: "a photo of a {}",
        check: (text) => (text.includes("{}") ? undefined : "it has no {} for the label"),
        help: "The caption that a label stands for; {} is the label",
      },
      in: { value: "FILE", help: "A collection whose images are labeled, in place of files: they are not decoded again" },
      ...NAME,
      ...IMAGES,
    },
    rest: "IMAGE",
    inPlace: { of: "in", without: ["decode", "background"], only: ["name"] },
  },
  index: {
    help: "Write a collection of the embeddings of images, and of all images in folders. Exits with 1 if any image failed",
    options: {
      ...COMMON,
      out: {
        value: "FILE",
        required: true,
        short: "o",
        check: (text) => (/\.(parquet|npy|jsonl)$/i.test(text) ? `only the command line in Rust writes this format: ${RUST}` : undefined),
        help: "The collection to write, by the images' paths; `search` and Embeddings.load read it",
      },
      quiet: { short: "q", help: "Print nothing but errors" },
      ...NAME,
      rows: { value: "ROWS", default: "f32", check: oneOf("f32", "int8"), help: "How embeddings are kept: f32, or int8 in a quarter of the size" },
      ...IMAGES,
    },
    rest: "PATH",
  },
  search: {
    help: "Find what is nearest to each query in a collection: to an image, if it is a URL or there is a file of that name, else to a text. Exits with 1 if any query failed",
    options: {
      ...COMMON,
      in: { value: "FILE", required: true, help: "The collection, as `index` wrote it; one of a model with another name is refused" },
      ...NAME,
      top: { value: "N", default: "10", check: (text) => (/^[1-9]\d{0,8}$/.test(text) ? undefined : "it is no whole number from 1"), help: "How many are found" },
      ...IMAGES,
    },
    rest: "QUERY",
  },
  duplicates: {
    help: "Find groups of images that are nearly the same, in a collection",
    options: {
      in: { value: "FILE", required: true, help: "The collection, as `index` wrote it" },
      threshold: {
        value: "THRESHOLD",
        default: "0.95",
        check: (text) => (text.trim() !== "" && Math.abs(Number(text)) <= 1 ? undefined : "it is no cosine, from -1 to 1"),
        help: "The cosine from which two images are nearly the same",
      },
      json: COMMON["json"] as Option,
    },
  },
  convert: {
    help: "Write a model as one small file, to host yourself: the address of a server, or `--model`, then takes it",
    options: {
      model: COMMON["model"] as Option,
      revision: COMMON["revision"] as Option,
      token: COMMON["token"] as Option,
      precision: { value: "PRECISION", default: "f16", check: oneOf("f16", "int8"), help: "In what the weights are stored: f16, or int8, a quarter of f32's size" },
      "vision-only": { help: "Leave out the text tower and the tokenizer" },
      out: { value: "FILE", required: true, help: "The file to write" },
    },
  },
};

/** What was asked for. */
export interface Arguments {
  readonly command: string;
  readonly flags: ReadonlySet<string>;
  readonly values: Readonly<Record<string, string>>;
  readonly rest: readonly string[];
}

/** The command line makes no sense, or asks for help: what is to be printed, and the status to end with. */
export class Usage extends Error {
  readonly status: 0 | 2;

  constructor(message: string, status: 0 | 2) {
    super(message);
    this.status = status;
  }
}

const wrong = (message: string): Usage => new Usage(`error: ${message}\n\nFor more information, try '--help'.`, 2);

/**
 * Reads what follows the program's name.
 *
 * @throws {@link Usage}
 */
export function argumentsOf(given: readonly string[], version: string): Arguments {
  const [command = "", ...rest] = given;
  if (command === "--version" || command === "-V") throw new Usage(`clip-vision ${version}`, 0);
  if (command === "--help" || command === "-h" || command === "help") throw new Usage(help(rest[0]), 0);
  if (command === "") throw new Usage(help(undefined), 2);
  const table = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (IN_RUST.includes(command)) throw wrong(`only the command line in Rust has the command '${command}': ${RUST}`);
  if (!table) throw wrong(`unrecognized subcommand '${command}'`);
  const asksHelp = rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined).some((one) => one === "--help" || one === "-h");
  if (asksHelp) throw new Usage(help(command), 0);
  return { command, ...parsed(command, table, rest) };
}

function parsed(command: string, { options, rest: operand, inPlace }: Command, args: string[]): Omit<Arguments, "command"> {
  const types = Object.entries(options).map(([name, { value, short }]) => {
    return [name, { type: value ? ("string" as const) : ("boolean" as const), multiple: true, ...(short && { short }) }] as const;
  });
  const before = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  const inRust = (OPTIONS_IN_RUST[command] ?? []).find((name) => before.some((one) => one === `--${name}` || one.startsWith(`--${name}=`)));
  if (inRust) throw wrong(`only the command line in Rust has the option '--${inRust}': ${RUST}`);
  let read: { values: Record<string, string | boolean | (string | boolean)[] | undefined>; positionals: string[] };
  try {
    read = parseArgs({ args, options: Object.fromEntries(types), allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const { values: given, positionals: rest } = read;
  const values: Record<string, string> = {};
  const flags = new Set<string>();
  for (const [name, option] of Object.entries(options)) {
    const all = [given[name] ?? option.default ?? []].flat();
    if (all.length > 1 && !option.many) throw wrong(`the argument '--${name}' cannot be used multiple times${command === "search" && name === "in" ? `: only the command line in Rust searches several files, ${RUST}` : ""}`);
    const value = all.length > 1 ? all.join(",") : all[0];
    if (value === true) flags.add(name);
    if (typeof value !== "string") {
      if (option.required) throw wrong(`the following required arguments were not provided: --${name} <${option.value}>`);
      continue;
    }
    const problem = option.check?.(value);
    if (problem) throw wrong(`invalid value '${value}' for '--${name} <${option.value}>': ${problem}`);
    values[name] = value;
  }
  if (!operand && rest.length > 0) throw wrong(`unexpected argument '${rest[0]}' found`);
  const isInPlace = inPlace !== undefined && given[inPlace.of] !== undefined;
  const useless = isInPlace ? inPlace.without.find((name) => given[name] !== undefined) : undefined;
  const what = isInPlace && rest.length > 0 ? `<${operand}>...` : useless && `--${useless}`;
  if (what) throw wrong(`the argument '--${inPlace?.of}' cannot be used with '${what}'`);
  const missed = isInPlace ? undefined : inPlace?.only.find((name) => given[name] !== undefined);
  if (missed) throw wrong(`the argument '--${missed}' is for '--${inPlace?.of}' alone`);
  if (operand && rest.length === 0 && !isInPlace) {
    throw wrong(`the following required arguments were not provided: <${operand}>...\n\nUsage: clip-vision ${command} [OPTIONS] <${operand}>...`);
  }
  return { flags, values, rest };
}

function help(command: string | undefined): string {
  const table = command !== undefined && Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!table || command === undefined) {
    const width = Math.max(...Object.keys(COMMANDS).map(({ length }) => length));
    const lines = Object.entries(COMMANDS).map(([name, { help: what }]) => `  ${name.padEnd(width)}  ${what}`);
    const about = "CLIP embeddings of images and texts, equal to Python's, labels for images, and search";
    return [about, "", "Usage: clip-vision <COMMAND>", "", "Commands:", ...lines, "", "Options of a command: clip-vision <COMMAND> --help"].join("\n");
  }
  const lines = Object.entries(table.options).flatMap(([name, { value, short, help: what, default: usual }]) => [
    `  ${short ? `-${short}, ` : "    "}--${name}${value ? ` <${value}>` : ""}`,
    `          ${what}${usual === undefined ? "" : ` [default: ${usual}]`}`,
  ]);
  const usage = `Usage: clip-vision ${command}${table.rest ? ` [OPTIONS] <${table.rest}>...` : " [OPTIONS]"}`;
  return [table.help, "", usage, ...(lines.length ? ["", "Options:", ...lines] : [])].join("\n");
}
