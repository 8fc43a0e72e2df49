/** Embeds what waits, in the background, one batch after the other, for as long as there is something. */

import { effect, signal, untracked } from "@preact/signals";
import type { ClipVision, ManyResult } from "clip-vision";
import type { Embeddings } from "clip-vision/search";
import type { Failure, Job, Outcome } from "../library/types.ts";
import { library, opened, show } from "./library.ts";
import { clip, collection, embedded, space } from "./model.ts";

export interface Progress {
  done: number;
  total: number;
  /** Photos a second. */
  rate: number;
  /** Seconds. */
  left: number;
}

export const progress = signal<Progress | undefined>();
export const paused = signal(false);
export const failures = signal<readonly Failure[]>([]);
/** How many times something could not be kept for want of space. */
export const diskFull = signal(false);

const BATCH = 16;
const PATIENCE = 300; // ms until what is done is shown, though the batch is not full

let running: AbortController | undefined;
let wanted = false;

/** Begins, if it is not under way: after photos were added, say. */
export function index(): void {
  wanted = true;
  if (!running && !paused.value && clip.value && opened.value) void run();
}

/** Stops after what is under way; the rest waits, also for the next visit. */
export function pause(): void {
  paused.value = true;
  running?.abort();
}

export function resume(): void {
  paused.value = false;
  index();
}

/** Gives up what waits. */
export async function cancel(): Promise<void> {
  wanted = false;
  running?.abort();
  await stopped;
  await library.cancel();
  await refreshWork();
}

let stopped: Promise<void> = Promise.resolve();

async function run(): Promise<void> {
  const [model, rows] = [clip.value as ClipVision, collection.value as Embeddings<number>];
  const controller = (running = new AbortController());
  const { signal: given } = controller;
  stopped = (async () => {
    try {
      while (wanted && !given.aborted) {
        wanted = false;
        await embedAll(model, rows, given);
      }
    } catch (error) {
      if (!given.aborted && clip.value === model) console.warn(error);
      controller.abort(); // no more jobs are fetched, which would wait for an answer
      await library.putBack();
    } finally {
      running = undefined;
      progress.value = undefined;
    }
    await refreshFailures();
  })().catch((error: unknown) => console.warn(error)); // of the library: the next run may have more luck
  await stopped;
  if (wanted) index(); // another model came meanwhile, or the user wants to go on after all
}

async function embedAll(model: ClipVision, rows: Embeddings<number>, given: AbortSignal): Promise<void> {
  const inSpace = space();
  const { waiting } = await library.useSpace(inSpace);
  if (waiting === 0) return;
  const meter = new Meter(waiting);
  let outcomes: Outcome[] = [];
  let since = performance.now();
  let settling: Promise<void> = Promise.resolve();
  /** What is done goes onto the disk while the next photos are computed. */
  const settle = async (): Promise<void> => {
    const batch = outcomes;
    [outcomes, since] = [[], performance.now()];
    await settling;
    settling = keep(inSpace, batch, rows).then(() => meter.add(batch.length));
    settling.catch(() => undefined); // the next one, or the end, hears of it
  };
  try {
    for await (const result of model.embedMany(jobs(given), { photo: ({ file }) => file, details: true, signal: given })) {
      outcomes.push(outcomeOf(result));
      if (outcomes.length >= BATCH || performance.now() - since > PATIENCE) await settle();
    }
  } finally {
    await settle();
    await settling;
  }
}

/** Jobs, of which the next ones are fetched while these are computed, until the signal says that nobody wants them. */
async function* jobs(given: AbortSignal): AsyncGenerator<Job> {
  let next = library.take(BATCH);
  for (let batch = await next; batch.length && !given.aborted; batch = await next) {
    next = library.take(BATCH);
    yield* batch;
  }
}

function outcomeOf({ item, embedding, error, ...result }: ManyResult<Job>): Outcome {
  const { arrival, seq } = item;
  const which = { ...(arrival !== undefined && { arrival }), ...(seq !== undefined && { seq }) };
  if (error) return { ...which, failure: { code: error.code, message: error.message } };
  const { width, height } = (result as { details?: { width: number; height: number } }).details ?? { width: 0, height: 0 };
  return { ...which, embedding, width, height };
}

/** Onto the disk, into the collection, and onto the screen. */
async function keep(inSpace: string, outcomes: readonly Outcome[], rows: Embeddings<number>): Promise<void> {
  if (outcomes.length === 0) return;
  const { photos, rows: kept, diskFull: full } = await library.settle(inSpace, outcomes);
  if (full) {
    diskFull.value = true;
    pause(); // each further photo would fail for the same reason
  }
  show(photos);
  if (rows === collection.value) {
    await rows.addMany(kept.map(({ seq }) => seq), kept.map(({ embedding }) => embedding));
    embedded.value = rows.size;
  }
  if (outcomes.some(({ failure }) => failure) || full) await refreshFailures();
}

/** How fast it goes. Arrivals that come meanwhile add to the total when they are counted next. */
class Meter {
  #done = 0;
  readonly #begin = performance.now();
  constructor(readonly total: number) {
    this.add(0);
  }

  add(count: number): void {
    this.#done += count;
    const rate = (1000 * this.#done) / (performance.now() - this.#begin);
    const total = Math.max(this.total, this.#done);
    progress.value = { done: this.#done, total, rate, left: rate > 0 ? (total - this.#done) / rate : Infinity };
  }
}

export async function refreshFailures(): Promise<void> {
  failures.value = await library.failures();
}

/** What waits from an earlier visit, say. */
export const waiting = signal(0);
export async function refreshWork(): Promise<void> {
  waiting.value = (await library.work()).waiting;
}

export async function retry(arrivals: readonly number[]): Promise<void> {
  diskFull.value = false;
  await library.retry(arrivals);
  await refreshFailures();
  resume();
}

export async function forgetFailures(arrivals: readonly number[]): Promise<void> {
  await library.forget(arrivals);
  await refreshFailures();
}

// A model that is there, at the start or in place of another, goes on where the last visit ended.
effect(() => {
  if (!clip.value || !opened.value) return;
  untracked(() => {
    if (running) {
      wanted = true;
      running.abort();
    } else index();
  });
});
