/** The map of the library, computed when it is looked at and something has changed. */

import { signal } from "@preact/signals";
import { proxy } from "comlink";
import { allRows, analysis } from "./analysis.ts";
import { collection } from "./model.ts";

export interface Places {
  seqs: readonly number[];
  /** x and y of each, in 0..1. */
  places: Float32Array;
}

export const places = signal<Places | undefined>();
/** How much of it is computed, as long as it is. */
export const mapping = signal<number | undefined>();
export const mapError = signal<Error | undefined>();

let made: unknown[] = [];

export async function makeMap(): Promise<void> {
  const rows = collection.value;
  if (!rows || rows.size === 0 || mapping.value !== undefined) return;
  const state = [rows, rows.size];
  if (state.every((part, i) => part === made[i])) return;
  [mapping.value, mapError.value] = [0, undefined];
  try {
    const { seqs, values } = await allRows(rows);
    const found = await analysis().map(values, rows.dimension, proxy((part: number) => void (mapping.value = part)));
    places.value = { seqs, places: found };
    made = state;
  } catch (error) {
    mapError.value = error as Error;
  } finally {
    mapping.value = undefined;
  }
}
