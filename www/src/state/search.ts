/** The search: as the user types, each query in place of the one before. Models and collections compute in workers. */

import { batch, computed, effect, signal } from "@preact/signals";
import type { ClipVision, Latest } from "clip-vision";
import type { SearchMatch } from "clip-vision/search";
import { everydayQueries } from "./everyday.ts";
import { cropped } from "./crop.ts";
import { allPhotos, library } from "./library.ts";
import { clip, collection, embedded } from "./model.ts";
import { type PhotoTerm, type Term, combined, termsIn } from "./query.ts";
import { settings } from "./settings.ts";

/** Results that are shown at most: nobody scrolls further, and none of it is a match any more. */
const MOST = 500;

export const text = signal("");
export const photoTerms = signal<readonly ({ sign: 1 | -1 } & PhotoTerm)[]>([]);
/** Shows what is nearest although nothing looks like that. */
export const anyway = signal(false);

export type Found =
  | { state: "everything" }
  /** `judged`: what is no match was left out; else all are in order. */
  | { state: "found"; matches: readonly SearchMatch<number>[]; judged: boolean }
  /** Nothing is nearer than by chance. */
  | { state: "nothing" }
  | { state: "failed"; error: Error };

export const found = signal<Found>({ state: "everything" });
/** Milliseconds from the question to the answer. */
export const took = signal(0);

export const terms = computed<readonly Term[]>(() => [...photoTerms.value, ...termsIn(text.value)]);

/** Near duplicates of better photos, which are left out on request. */
export const collapsed = signal<ReadonlySet<number>>(new Set());

/** What the grid shows. */
export const shown = computed<readonly number[]>(() => {
  const result = found.value;
  const seqs = result.state === "found" ? result.matches.map(({ id }) => id) : result.state === "everything" ? allPhotos.value : [];
  return collapsed.value.size ? seqs.filter((seq) => !collapsed.value.has(seq)) : seqs;
});

export const scores = computed<ReadonlyMap<number, number>>(() => {
  const result = found.value;
  return new Map(result.state === "found" ? result.matches.map(({ id, score }) => [id, score]) : []);
});

export function likePhoto(term: PhotoTerm, sign: 1 | -1 = 1): void {
  photoTerms.value = [...photoTerms.value.filter(({ seq, box }) => seq === undefined || seq !== term.seq || box), { sign, ...term }];
}

/** By this photo alone. */
export function onlyLike(term: PhotoTerm): void {
  batch(() => {
    text.value = "";
    photoTerms.value = [{ sign: 1, ...term }];
  });
}

export const turnTerm = (index: number): void => {
  photoTerms.value = photoTerms.value.map((term, i) => (i === index ? { ...term, sign: term.sign > 0 ? -1 : 1 } : term));
};

export const dropTerm = (index: number): void => {
  photoTerms.value = photoTerms.value.filter((_, i) => i !== index);
};

export function clearSearch(): void {
  batch(() => {
    text.value = "";
    photoTerms.value = [];
  });
}

let asking: AbortController | undefined;

effect(() => {
  // Whatever changes the answer: the question, the model, what there is to find.
  const [asked, model, rows, , least] = [terms.value, clip.value, collection.value, embedded.value, settings.value.least];
  const all = anyway.value;
  if (asked.length === 0) {
    asking?.abort(); // or its answer would come into the empty field
    found.value = { state: "everything" };
  } else if (model && rows) void answer(asked, model, all ? 0 : least);
});

effect(() => {
  terms.value;
  anyway.value = false;
});

async function answer(asked: readonly Term[], model: ClipVision, least: number): Promise<void> {
  asking?.abort();
  const { signal: given } = (asking = new AbortController());
  const begin = performance.now();
  try {
    const query = combined(await Promise.all(asked.map(async (term) => ({ sign: term.sign, embedding: await embeddingOf(term, model) }))));
    given.throwIfAborted();
    const rows = collection.value;
    if (!rows?.size || rows.dimension !== query.length) return;
    const queries = least > 0 && asked.every(({ kind, sign }) => kind === "text" && sign > 0) ? await everyday(model) : undefined;
    const matches = matching(await rows.search(query, MOST, { signal: given, ...(queries && { relevance: { queries, least: 0 } }) }), least);
    batch(() => {
      found.value = matches.length ? { state: "found", matches, judged: Boolean(queries) } : { state: "nothing" };
      took.value = performance.now() - begin;
    });
  } catch (error) {
    if (!given.aborted && (error as Error).name !== "AbortError") found.value = { state: "failed", error: error as Error };
  }
}

/** How much less relevant than the best a match may be. */
const BEHIND = 0.7;

/** Nothing, if the best is no nearer than by chance; else what is about as near as the best. */
function matching(matches: readonly SearchMatch<number>[], least: number): readonly SearchMatch<number>[] {
  const best = matches[0]?.relevance;
  if (best === undefined) return matches;
  return best < least ? [] : matches.filter(({ relevance = 0 }) => relevance >= best - BEHIND);
}

/** Texts and photos that were embedded lately, of the model that is in use. */
let kept = new Map<string, Float32Array>();
let keptOf: ClipVision | undefined;
let latest: Latest | undefined;
let everydayKept: Promise<Float32Array[]> | undefined;
const MOST_KEPT = 300;

function startOver(model: ClipVision): void {
  if (keptOf === model) return;
  [keptOf, kept, latest, everydayKept] = [model, new Map(), model.latest(), undefined];
}

async function embeddingOf(term: Term, model: ClipVision): Promise<Float32Array> {
  startOver(model);
  if (term.kind === "photo") return photoEmbedding(term, model);
  const there = kept.get(term.text);
  if (there) return there;
  const made = await (terms.value.length === 1 ? (latest as Latest) : model).embedText(term.text);
  if (kept.size > MOST_KEPT) kept.clear();
  kept.set(term.text, made);
  return made;
}

const files = new WeakMap<Blob, number>();

async function photoEmbedding({ seq, file, box }: PhotoTerm, model: ClipVision): Promise<Float32Array> {
  const there = seq !== undefined && !box ? await collection.value?.get(seq) : undefined;
  if (there) return there;
  if (file && !files.has(file)) files.set(file, Math.random());
  const key = JSON.stringify([seq, file && files.get(file), box]);
  const made = kept.get(key) ?? (await model.embed(await cropped(file ?? (await library.file(seq as number)), box)));
  kept.set(key, made);
  return made;
}

/** Embeddings of what people ask for, made once. */
function everyday(model: ClipVision): Promise<Float32Array[]> {
  return (everydayKept ??= model.embedTexts(everydayQueries(settings.value.model === "")).catch((error: unknown) => {
    everydayKept = undefined; // the next search asks again
    throw error;
  }));
}
