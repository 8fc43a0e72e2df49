/** An embedding drawn: one cell per value, positive in one hue, negative in the other, stronger where it is larger. */

import { component } from "./format.ts";

const POSITIVE = [18, 152, 147] as const;
const NEGATIVE = [224, 99, 34] as const;

/** Columns and rows for `dimension` cells: few rows, so that it reads as a bar code, and no ragged end if possible. */
export function layout(dimension: number): { columns: number; rows: number } {
  const rows = dimension >= 256 ? 8 : dimension >= 64 ? 2 : 1;
  return { columns: Math.ceil(dimension / rows), rows };
}

/**
 * Draws one pixel per value; the style sheet enlarges them. Opacity is the magnitude, so that one drawing does for light
 * and dark. Full strength is three times what a value of a unit vector is on average: a few of CLIP's dimensions are far
 * larger than all others and would wash these out.
 */
export function draw(canvas: HTMLCanvasElement, embedding: Float32Array): void {
  const { columns, rows } = layout(embedding.length);
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (!context) return;
  const pixels = context.createImageData(columns, rows);
  const full = 3 / Math.sqrt(embedding.length);
  embedding.forEach((value, i) => {
    const [red, green, blue] = value < 0 ? NEGATIVE : POSITIVE;
    pixels.data.set([red, green, blue, Math.round(255 * Math.min(1, Math.abs(value) / full))], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
}

/** What a drawing shows, for those who can't see it. */
export function describe(embedding: Float32Array): string {
  let low = 0;
  let high = 0;
  embedding.forEach((value, i) => {
    if (value < (embedding[low] ?? 0)) low = i;
    if (value > (embedding[high] ?? 0)) high = i;
  });
  const at = (i: number): string => `${component(embedding[i] ?? 0)} at position ${i + 1}`;
  return `Embedding of ${embedding.length} values, from ${at(low)} to ${at(high)}`;
}
