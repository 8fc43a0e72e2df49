/**
 * What words do with the photos: a text ranks them, labels divide them. No DOM here: the view listens for changes, and
 * tests give the session an engine of their own.
 */

import type { Classification } from "clip-vision";
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

/** The labels in a line of text, between commas; none twice. */
export const labelsIn = (text: string): string[] =>
  [...new Set(text.split(",").map((label) => label.trim()))].filter((label) => label !== "");

export class Words {
  readonly #session: Session;
  readonly #listeners = new Set<() => void>();
  #found = new WeakMap<Photo, readonly Classification[]>();
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
  labelsOf(photo: Photo): readonly Classification[] | null {
    return this.#found.get(photo) ?? null;
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
    this.#found = new WeakMap();
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
      const photo = photos.find((one) => one.state.kind === "done" && !this.#found.has(one));
      if (!engine || photo?.state.kind !== "done" || this.#labels.length === 0) break;
      const { signal } = this.#labeling;
      try {
        const found = await engine.classify(photo.state.details.embedding, this.#labels, signal);
        if (!signal.aborted) this.#found.set(photo, found);
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
