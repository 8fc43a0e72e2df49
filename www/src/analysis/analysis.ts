/** What takes long over a whole library, in a worker: which label fits each photo, and a map of all of them. */

import { topK } from "clip-vision/search";
import { UMAP } from "umap-js";
import { randomOf } from "../drawings/scenes.ts";

/** Photos that find their places by UMAP; the others stand beside those that are most like them. */
const PLACED = 1500;
const NEIGHBORS = 12;
const BESIDE = 4;

/** Rows of unit length; of a photo and a model that give none, as they are. */
function normalized(values: Float32Array, width: number): Float32Array {
  for (let at = 0; at < values.length; at += width) {
    const row = values.subarray(at, at + width);
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)) || 1;
    row.forEach((x, i) => (row[i] = x / length));
  }
  return values;
}

export class Analysis {
  /**
   * The label of each row, and how likely it is among all labels.
   *
   * @param values rows of photos, one after the other
   * @param labels rows of the labels
   */
  assign(values: Float32Array, labels: Float32Array, count: number): { label: Uint16Array; score: Float32Array } {
    const width = labels.length / count;
    const rows = normalized(values, width);
    const total = rows.length / width;
    const result = { label: new Uint16Array(total), score: new Float32Array(total) };
    const logits = new Float64Array(count);
    for (let row = 0; row < total; row += 1) {
      for (let label = 0; label < count; label += 1) {
        let sum = 0;
        for (let i = 0; i < width; i += 1) sum += (rows[row * width + i] as number) * (labels[label * width + i] as number);
        logits[label] = 100 * sum; // the scale that CLIP's training ends at
      }
      const best = logits.indexOf(Math.max(...logits));
      result.label[row] = best;
      result.score[row] = 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - (logits[best] as number)), 0);
    }
    return result;
  }

  /** A place for each row, in 0..1: photos that look alike are near each other. */
  async map(values: Float32Array<ArrayBuffer>, width: number, onProgress: (part: number) => void): Promise<Float32Array> {
    const rows = normalized(values, width);
    const count = rows.length / width;
    if (count < NEIGHBORS + 2) return circle(count);
    const sample = count <= PLACED ? undefined : Array.from({ length: PLACED }, (_, i) => Math.floor((i * count) / PLACED));
    const placed = sample ? picked(rows, width, sample) : rows;
    const points = await umap(placed, width, onProgress);
    return fitted(sample ? beside(rows, width, sample, placed, points) : Float32Array.from(points.flat()));
  }
}

const picked = (rows: Float32Array, width: number, which: readonly number[]): Float32Array => {
  const part = new Float32Array(which.length * width);
  which.forEach((row, i) => part.set(rows.subarray(row * width, (row + 1) * width), i * width));
  return part;
};

async function umap(rows: Float32Array, width: number, onProgress: (part: number) => void): Promise<number[][]> {
  const count = rows.length / width;
  const vectors = Array.from({ length: count }, (_, i) => Array.from(rows.subarray(i * width, (i + 1) * width)));
  const near = vectors.map((_, i) => topK(rows.subarray(i * width, (i + 1) * width), rows, NEIGHBORS + 1));
  const plan = new UMAP({ nNeighbors: NEIGHBORS, minDist: 0.25, random: randomOf(1) });
  plan.setPrecomputedKNN(near.map((list) => list.map(({ index }) => index)), near.map((list) => list.map(({ score }) => Math.max(0, 1 - score))));
  const epochs = plan.initializeFit(vectors);
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    plan.step();
    if (epoch % 20 === 0) onProgress(epoch / epochs);
  }
  return plan.getEmbedding();
}

/** Every row among those of the sample that are most like it, a little apart. */
function beside(rows: Float32Array, width: number, sample: readonly number[], placed: Float32Array, points: number[][]): Float32Array {
  const count = rows.length / width;
  const places = new Float32Array(2 * count);
  const known = new Map(sample.map((row, i) => [row, points[i] as number[]]));
  const random = randomOf(2);
  for (let row = 0; row < count; row += 1) {
    const own = known.get(row);
    const near = own ? [] : topK(rows.subarray(row * width, (row + 1) * width), placed, BESIDE);
    const weight = near.reduce((sum, { score }) => sum + score ** 8, 0) || 1;
    for (const axis of [0, 1]) {
      const mean = near.reduce((sum, { index, score }) => sum + (score ** 8 * ((points[index] as number[])[axis] as number)) / weight, 0);
      places[2 * row + axis] = own?.[axis] ?? mean + (random() - 0.5) * 0.35;
    }
  }
  return places;
}

/** Places within 0..1, each direction by itself: the map fills whatever it is shown in. */
function fitted(places: Float32Array): Float32Array {
  const span = [0, 1].map((axis) => {
    const values = places.filter((_, i) => i % 2 === axis).sort();
    return { low: values[0] as number, high: values.at(-1) as number };
  });
  return places.map((value, i) => {
    const { low, high } = span[i % 2] as { low: number; high: number };
    return (value - low) / (high - low || 1);
  });
}

/** Too few for a map that says anything. */
const circle = (count: number): Float32Array =>
  Float32Array.from({ length: 2 * count }, (_, i) => 0.5 + 0.3 * (i % 2 ? Math.sin : Math.cos)((2 * Math.PI * Math.floor(i / 2)) / count));
