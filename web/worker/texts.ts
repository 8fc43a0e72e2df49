/**
 * The worker's text model: reads the tokenizer and the text tower when a text is first asked for, once for all who ask,
 * makes embeddings of texts, and keeps those of labels.
 */

import type { Floats, TextDetails } from "../shared/protocol.js";
import { joined } from "../shared/values.js";
import { Shared } from "../shared/waiting.js";
import type { Report } from "./feed.js";
import type { ReadRows } from "./rows.js";
import { cleaned, type Cleaning } from "./tokenizer/cleaning.js";

/** The contents of a tokenizer's files. */
export type TokenizerFiles = { json: Uint8Array } | { vocab: Uint8Array; merges: Uint8Array };

/** Text -> token ids. */
export interface Tokenizer {
  /** Start and end token included, at most `longest`: of a longer text the beginning, and the end token. */
  ids(text: string, longest: number): Uint32Array;
  /** The token that its file fills up texts with, where it says one. */
  readonly padding?: number | undefined;
}

/** Makes a tokenizer of its files. */
export type CreateTokenizer = (files: TokenizerFiles) => Tokenizer;

/** A text tower that was loaded: its tokenizer's files, and what reads the rows of its table, if that was left in its file. */
export interface LoadedText {
  files: TokenizerFiles;
  maxTokens: number;
  /** What is done to a text before the tokenizer sees it. */
  cleaning?: Cleaning | undefined;
  /** The token that the model fills up texts with, where it does, if the tokenizer does not say another. */
  filling?: number | undefined;
  readRows?: ReadRows | undefined;
}

/** What the text model needs of the dispatcher. */
export interface TextContext {
  /** Loads the text tower into the model, and gives its tokenizer's files. */
  load(report: Report, signal: AbortSignal): Promise<LoadedText>;
  createTokenizer: CreateTokenizer;
  /**
   * Computes texts, of their tokens one after the other, when no other computation is under way, and lets messages in between the
   * layers; `started` is called when their turn has come.
   */
  compute(ids: Uint32Array, lengths: Uint32Array, signal: AbortSignal, started?: () => void): Promise<Float32Array>;
}

/** Milliseconds for which the tower is loaded on though the call that asked for it was canceled: a slider asks again at once. */
const PATIENCE = 500;
/** Texts of one forward pass. */
const BATCH = 16;
/** Labels whose embeddings are kept; the ones that were not asked for longest go first. */
const MOST_LABELS = 4096;

interface Ready {
  tokenizer: Tokenizer;
  maxTokens: number;
  /** The token that texts are filled up with before the model does it with another one. */
  padding?: number | undefined;
  readRows?: ReadRows | undefined;
}

/** One model's texts. */
export class Texts {
  readonly #context: TextContext;
  readonly #ready: Shared<Ready>;
  readonly #reports = new Set<Report>();
  readonly #labels = new Map<string, Float32Array>();

  constructor(context: TextContext) {
    this.#context = context;
    this.#ready = new Shared((signal) => this.#load(signal), PATIENCE);
  }

  /** Whether the tower is loaded. */
  get isReady(): boolean {
    return this.#ready.done;
  }

  /** The embeddings of texts, in their order; `started` is called once the first are computed. */
  async embed(
    texts: readonly string[],
    signal: AbortSignal,
    report: Report,
    started?: () => void,
  ): Promise<Float32Array[]> {
    const ready = await this.#whenReady(signal, report);
    const { tokenizer, maxTokens } = ready;
    const embeddings: Float32Array[] = [];
    for (let start = 0; start < texts.length; start += BATCH) {
      const ids = texts.slice(start, start + BATCH).map((text) => tokenizer.ids(text, maxTokens));
      const { flat } = await this.#compute(ids, ready, signal, started);
      const dimension = flat.length / ids.length;
      embeddings.push(...ids.map((_, index) => flat.slice(index * dimension, (index + 1) * dimension)));
    }
    return embeddings;
  }

  /** The embedding of a text, and what it took. */
  async details(text: string, signal: AbortSignal, report: Report, started: () => void): Promise<TextDetails> {
    const ready = await this.#whenReady(signal, report);
    const ids = ready.tokenizer.ids(text, ready.maxTokens);
    const { flat, tableBytes } = await this.#compute([ids], ready, signal, started);
    return { embedding: flat as Floats, tokens: ids.length, tableBytes };
  }

  async #compute(texts: readonly Uint32Array[], { readRows, padding, maxTokens }: Ready, signal: AbortSignal, started?: () => void) {
    const ids = padding === undefined ? texts : texts.map((text) => Uint32Array.from({ length: maxTokens }, (_, at) => text[at] ?? padding));
    const lengths = Uint32Array.from(ids, ({ length }) => length);
    const all = joined(ids, (length) => new Uint32Array(length));
    const tableBytes = (await readRows?.(all, signal)) ?? 0;
    const flat = await this.#context.compute(all, lengths, signal, started);
    return { flat, tableBytes };
  }

  /** The embeddings of labels one after the other; only of new ones anything is computed. */
  async labels(labels: readonly string[], signal: AbortSignal, report: Report): Promise<Float32Array> {
    const fresh = [...new Set(labels)].filter((label) => !this.#labels.has(label));
    const known = new Map(labels.map((label) => [label, this.#labels.get(label)]));
    const embeddings = await this.embed(fresh, signal, report);
    fresh.forEach((label, index) => known.set(label, embeddings[index]));
    for (const [label, embedding] of known) {
      this.#labels.delete(label); // what is used comes last
      if (embedding) this.#labels.set(label, embedding);
    }
    for (const label of this.#labels.keys()) {
      if (this.#labels.size <= MOST_LABELS) break;
      this.#labels.delete(label);
    }
    const rows = labels.map((label) => known.get(label) ?? new Float32Array());
    return joined(rows, (length) => new Float32Array(length));
  }

  /** Resolves when the tower and its tokenizer are loaded. */
  async ready(signal: AbortSignal, report: Report): Promise<void> {
    await this.#whenReady(signal, report);
  }

  async #whenReady(signal: AbortSignal, report: Report): Promise<Ready> {
    this.#reports.add(report);
    try {
      return await this.#ready.get(signal);
    } finally {
      this.#reports.delete(report);
    }
  }

  readonly #report: Report = (progress, always) => {
    for (const report of this.#reports) report(progress, always);
  };

  async #load(signal: AbortSignal): Promise<Ready> {
    const { load, createTokenizer } = this.#context;
    const { files, maxTokens, cleaning, filling, readRows } = await load(this.#report, signal);
    const tokenizer = createTokenizer(files);
    const padding = filling === undefined || tokenizer.padding === filling ? undefined : tokenizer.padding;
    return { tokenizer: { ids: (text, longest) => tokenizer.ids(cleaned(text, cleaning), longest) }, maxTokens, padding, readRows };
  }
}
