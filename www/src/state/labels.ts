/** Which of the user's labels fits each photo. */

import { effect, signal, untracked } from "@preact/signals";
import { transfer } from "comlink";
import { allRows, analysis } from "./analysis.ts";
import { clip, collection, embedded } from "./model.ts";
import { choose, settings } from "./settings.ts";
import { view } from "./route.ts";

export interface Labelled {
  /** Of each label, in their order, its photos, the likeliest first. */
  photos: readonly (readonly number[])[];
  /** How likely the label of each photo is. */
  scores: ReadonlyMap<number, number>;
}

export const labelled = signal<Labelled | undefined>();
export const labelling = signal(false);
export const labelsError = signal<Error | undefined>();

export const labelsIn = (text: string): string[] => text.split(/[,;\n]/).map((label) => label.trim()).filter(Boolean);

export function addLabels(text: string): void {
  const { labels } = settings.value;
  choose({ labels: [...new Set([...labels, ...labelsIn(text)])] });
}

export function removeLabel(label: string): void {
  choose({ labels: settings.value.labels.filter((other) => other !== label) });
}

let latest = 0;

/** As long as the labels are looked at, they follow what is added and what is embedded. */
effect(() => {
  const [{ labels }, model, rows, count] = [settings.value, clip.value, collection.value, embedded.value];
  if (view.value !== "labels" || !model || !rows || labels.length === 0 || count === 0) return;
  untracked(() => void assign(labels));
});

async function assign(labels: readonly string[]): Promise<void> {
  const mine = (latest += 1);
  const [model, rows] = [clip.value, collection.value];
  if (!model || !rows) return;
  labelling.value = true;
  try {
    const texts = await model.embedTexts(labels.map((label) => `a photo of a ${label}`));
    const packed = new Float32Array(texts.length * rows.dimension);
    texts.forEach((row, i) => packed.set(row, i * rows.dimension));
    const { seqs, values } = await allRows(rows);
    const { label, score } = await analysis().assign(values, transfer(packed, [packed.buffer]), labels.length);
    if (mine === latest) show(labels.length, seqs, label, score);
    labelsError.value = undefined;
  } catch (error) {
    if (mine === latest) labelsError.value = error as Error;
  } finally {
    if (mine === latest) labelling.value = false;
  }
}

function show(count: number, seqs: readonly number[], label: Uint16Array, score: Float32Array): void {
  const photos: number[][] = Array.from({ length: count }, () => []);
  const scores = new Map<number, number>();
  seqs.forEach((seq, i) => {
    photos[label[i] as number]?.push(seq);
    scores.set(seq, score[i] as number);
  });
  for (const list of photos) list.sort((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0));
  labelled.value = { photos, scores };
}
