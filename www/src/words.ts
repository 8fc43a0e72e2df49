/**
 * What words do with the photos: a text ranks them, labels divide them. No DOM here: the view listens for changes, and
 * tests give the session an engine of their own.
 */

import { cosineSimilarity } from "clip-vision/search";
import { type Complaint, wordsComplaint } from "./messages.ts";
import type { Engine, Photo, Session } from "./session.ts";

/** What was searched for: its embedding, once it is there. */
export interface Query {
  readonly text: string;
  readonly embedding: Float32Array | null;
}

/** A photo beside its similarity to the query. */
export interface Found {
  readonly photo: Photo;
  readonly similarity: number;
}

/** A label with its probability. */
export interface LabelProbability {
  readonly label: string;
  readonly probability: number;
}

/** The labels in a line of text, between commas; none twice. */
export const labelsIn = (text: string): string[] =>
  [...new Set(text.split(",").map((label) => label.trim()))].filter((label) => label !== "");

export class Words {
  readonly #session: Session;
  readonly #listeners = new Set<() => void>();
  #probabilities = new WeakMap<Photo, number[]>();
  #query: Query | null = null;
  #labels: readonly string[] = [];
  #complaint: Complaint | null = null;
  #engine: Engine | null = null;
  #searching = new AbortController();
  #labeling = new AbortController();
  #working = false;

  constructor(session: Session) {
    this.#session = session;
    session.onChange(({ what }) => {
      if (what === "model" && session.engine !== this.#engine) this.#restart();
      else if (what !== "model" && this.#labels.length > 0) void this.#label();
      if (what !== "model") this.#tell();
    });
  }

  get query(): Query | null {
    return this.#query;
  }
  get labels(): readonly string[] {
    return this.#labels;
  }
  /** Why the last words came to nothing. */
  get complaint(): Complaint | null {
    return this.#complaint;
  }

  /** The photos, the nearest to the query first. */
  get found(): Found[] {
    const embedding = this.#query?.embedding;
    if (!embedding) return [];
    const all = this.#session.photos.flatMap((photo): Found[] =>
      photo.state.kind === "done" ? [{ photo, similarity: cosineSimilarity(embedding, photo.state.details.embedding) }] : [],
    );
    return all.sort((a, b) => b.similarity - a.similarity);
  }

  /** The labels of a photo, the likeliest first; null while they are not known. */
  probabilitiesOf(photo: Photo): LabelProbability[] | null {
    const probabilities = this.#probabilities.get(photo);
    if (!probabilities) return null;
    return this.#labels
      .map((label, i) => ({ label, probability: probabilities[i] ?? 0 }))
      .sort((a, b) => b.probability - a.probability);
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Ranks the photos by a text; an empty one ends the search. */
  async search(text: string): Promise<void> {
    this.#searching.abort();
    const { signal } = (this.#searching = new AbortController());
    this.#query = text.trim() === "" ? null : { text: text.trim(), embedding: null };
    this.#complaint = null;
    this.#tell();
    const engine = this.#session.engine;
    if (!this.#query || !engine) return;
    try {
      const embedding = await engine.embedText(this.#query.text, signal);
      if (!signal.aborted) this.#query = { ...this.#query, embedding };
    } catch (error) {
      if (signal.aborted) return;
      this.#query = null;
      this.#complain(error);
    }
    if (!signal.aborted) this.#tell();
  }

  /** Asks of every photo which of the labels it shows; no labels end that. */
  async label(labels: readonly string[]): Promise<void> {
    this.#labeling.abort();
    this.#labeling = new AbortController();
    this.#probabilities = new WeakMap();
    this.#labels = labels;
    this.#complaint = null;
    this.#tell();
    await this.#label();
  }

  /** One photo after the other, of those that have an embedding and no labels yet. */
  async #label(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (;;) {
      const { engine, photos } = this.#session;
      const photo = photos.find((one) => one.state.kind === "done" && !this.#probabilities.has(one));
      if (!engine || !photo || this.#labels.length === 0) break;
      const { signal } = this.#labeling;
      try {
        const probabilities = await engine.classify(photo.file, this.#labels, signal);
        if (!signal.aborted) this.#probabilities.set(photo, probabilities);
      } catch (error) {
        if (!signal.aborted) {
          this.#labels = [];
          this.#complain(error);
        }
      }
      this.#tell();
    }
    this.#working = false;
  }

  /** Another model has other embeddings: all is asked again. */
  #restart(): void {
    this.#engine = this.#session.engine;
    const { text } = this.#query ?? { text: "" };
    void this.search(text);
    void this.label(this.#labels);
  }

  #complain(error: unknown): void {
    this.#complaint = wordsComplaint(error);
    console.warn(error);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
