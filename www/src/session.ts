/**
 * What the page knows: the model, the photos, and the one queue that leads from photo to embedding. No DOM here: views
 * listen for changes, and tests give it an engine of their own.
 */

import type { Classification, EmbeddingDetails, LoadProgress, ClipVisionInfo } from "clip-vision";
import { type Complaint, modelComplaint, photoComplaint } from "./messages.ts";
import { ChoiceError, type ModelSource } from "./model_source.ts";

/** A loaded model, as far as the demo needs it. */
export interface Engine {
  readonly info: ClipVisionInfo;
  embed(photo: Blob, signal: AbortSignal): Promise<EmbeddingDetails>;
  embedText(text: string, signal: AbortSignal): Promise<Float32Array>;
  classify(embedding: Float32Array, labels: readonly string[], signal: AbortSignal): Promise<Classification[]>;
  close(): void;
}

export interface OpenOptions {
  signal: AbortSignal;
  onProgress: (progress: LoadProgress) => void;
}

export type OpenEngine = (source: ModelSource, options: OpenOptions) => Promise<Engine>;

export type PhotoState =
  | { kind: "waiting" }
  | { kind: "computing" }
  | { kind: "done"; details: EmbeddingDetails }
  | { kind: "failed"; complaint: Complaint }
  | { kind: "canceled" };

export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly file: Blob;
  readonly state: PhotoState;
}

/** The model in use. */
export interface LoadedModel {
  readonly source: ModelSource;
  readonly info: ClipVisionInfo;
}

/** A model on its way. */
export interface Loading {
  readonly source: ModelSource;
  readonly progress: LoadProgress | null;
}

/** How many of the photos that came together are through. */
export interface Batch {
  readonly done: number;
  readonly total: number;
}

export type Change =
  /** The model, its loading or its complaint. */
  | { what: "model" }
  /** Photos came or went. */
  | { what: "photos" }
  /** One photo's state, and with it the batch. */
  | { what: "photo"; photo: Photo };

type Mutable = { -readonly [Key in keyof Photo]: Photo[Key] };

const isPending = (photo: Photo): boolean => photo.state.kind === "waiting" || photo.state.kind === "computing";

export class Session {
  readonly #open: OpenEngine;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #batch = new Set<Photo>();
  #photos: Mutable[] = [];
  #nextId = 1;
  #engine: Engine | null = null;
  #model: LoadedModel | null = null;
  #loading: (Loading & { controller: AbortController }) | null = null;
  #complaint: Complaint | null = null;
  #current: { photo: Photo; controller: AbortController } | null = null;
  #working = false;

  constructor(open: OpenEngine) {
    this.#open = open;
  }

  get photos(): readonly Photo[] {
    return this.#photos;
  }
  get model(): LoadedModel | null {
    return this.#model;
  }
  /** The model in use, for words. */
  get engine(): Engine | null {
    return this.#engine;
  }
  get loading(): Loading | null {
    return this.#loading;
  }
  /** Why the last choice of a model came to nothing. */
  get complaint(): Complaint | null {
    return this.#complaint;
  }
  /** The photos that came together with those still pending; null when nothing is. */
  get batch(): Batch | null {
    if (this.#batch.size === 0) return null;
    return { done: [...this.#batch].filter((photo) => !isPending(photo)).length, total: this.#batch.size };
  }

  onChange(listener: (change: Change) => void): void {
    this.#listeners.add(listener);
  }

  /** Loads a model; the one in use stays until the new one is there, then every photo is embedded again. */
  async choose(source: ModelSource): Promise<void> {
    this.#loading?.controller.abort();
    const controller = new AbortController();
    const mine = (): boolean => this.#loading?.controller === controller;
    this.#loading = { source, progress: null, controller };
    this.#complaint = null;
    this.#tell({ what: "model" });
    try {
      const engine = await this.#open(source, {
        signal: controller.signal,
        onProgress: (progress) => {
          if (!mine()) return;
          this.#loading = { source, progress, controller };
          this.#tell({ what: "model" });
        },
      });
      if (mine()) this.#use(engine, source);
      else engine.close();
    } catch (error) {
      if (!mine()) return; // canceled, or another choice was made: its outcome counts
      this.#complaint = modelComplaint(error, source.label);
      console.warn(error);
    }
    if (mine()) this.#loading = null;
    this.#tell({ what: "model" });
  }

  /** Says why a choice was none. */
  refuse(error: unknown): void {
    this.#complaint =
      error instanceof ChoiceError ? { sentence: error.message, detail: "" } : modelComplaint(error, "this choice");
    this.#tell({ what: "model" });
  }

  /** Gives up the load under way; the model in use, if there is one, stays. */
  cancelLoading(): void {
    const loading = this.#loading;
    this.#loading = null;
    loading?.controller.abort();
    this.#tell({ what: "model" });
  }

  #use(engine: Engine, source: ModelSource): void {
    const old = this.#engine;
    this.#engine = engine;
    this.#model = { source, info: engine.info };
    this.#current?.controller.abort(); // before the new queue begins: what it computes must go on
    this.#enqueue(this.#photos);
    old?.close();
  }

  add(files: Iterable<File>): void {
    const fresh = Array.from(files, (file): Mutable => ({
      id: this.#nextId++,
      name: file.name || "pasted photo",
      file,
      state: { kind: "waiting" },
    }));
    if (fresh.length === 0) return;
    this.#photos = [...this.#photos, ...fresh];
    this.#tell({ what: "photos" });
    this.#enqueue(fresh);
  }

  /** Embeds what was canceled after all. */
  resume(): void {
    this.#enqueue(this.#photos.filter(({ state }) => state.kind === "canceled"));
  }

  remove(photo: Photo): void {
    this.#photos = this.#photos.filter((other) => other !== photo);
    this.#batch.delete(photo);
    if (this.#current?.photo === photo) this.#current.controller.abort();
    this.#closeBatch();
    this.#tell({ what: "photos" });
  }

  clear(): void {
    this.#photos = [];
    this.#batch.clear();
    this.#current?.controller.abort();
    this.#tell({ what: "photos" });
  }

  /** Stops the batch: what is done stays, what waits is marked as canceled. */
  cancelBatch(): void {
    for (const photo of this.#photos.filter(isPending)) this.#set(photo, { kind: "canceled" });
    this.#current?.controller.abort();
    this.#closeBatch();
    this.#tell({ what: "photos" });
  }

  #enqueue(photos: readonly Mutable[]): void {
    for (const photo of photos) {
      this.#batch.add(photo);
      this.#set(photo, { kind: "waiting" });
    }
    void this.#work();
  }

  /** One photo after the other: the worker has one model, and the photos on screen fill in order. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (;;) {
      const engine = this.#engine;
      const photo = this.#photos.find(({ state }) => state.kind === "waiting");
      if (!engine || !photo) break;
      await this.#embed(engine, photo);
    }
    this.#working = false;
  }

  async #embed(engine: Engine, photo: Mutable): Promise<void> {
    const controller = new AbortController();
    this.#current = { photo, controller };
    this.#set(photo, { kind: "computing" });
    let outcome: PhotoState;
    try {
      outcome = { kind: "done", details: await engine.embed(photo.file, controller.signal) };
    } catch (error) {
      outcome = { kind: "failed", complaint: photoComplaint(error) };
    }
    this.#current = null;
    // Whoever aborts gives the photo its new state, or throws it away, itself.
    if (controller.signal.aborted) return;
    photo.state = outcome;
    const batch = this.batch;
    if (batch && batch.done === batch.total) this.#batch.clear();
    this.#tell({ what: "photo", photo });
  }

  #closeBatch(): void {
    if (![...this.#batch].some(isPending)) this.#batch.clear();
  }

  #set(photo: Mutable, state: PhotoState): void {
    photo.state = state;
    this.#tell({ what: "photo", photo });
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
