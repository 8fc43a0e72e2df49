/** What goes on inside the model for one photo: what it sees, what it takes, which parts matter for words. */

import { ClipVision, ClipVisionError, type EmbeddingDetails, type GpuRefusal } from "clip-vision";
import { cosineSimilarity } from "clip-vision/search";

/** The tensor's values are normalized, each channel by itself; here each is spread over what can be shown. */
export async function seenBy(model: ClipVision, photo: Blob): Promise<ImageData> {
  const { data, shape } = await model.tensor(photo);
  const [, height, width] = shape;
  const plane = width * height;
  const image = new ImageData(width, height);
  const [low, high] = data.reduce(([least, most], x) => [Math.min(least, x), Math.max(most, x)], [Infinity, -Infinity]);
  for (let i = 0; i < plane; i += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      image.data[4 * i + channel] = (255 * ((data[channel * plane + i] as number) - low)) / (high - low || 1);
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** The square in the middle of a photo, which is what most models see of it. */
export async function middleOf(photo: Blob, edge = 256): Promise<ImageData> {
  const whole = await createImageBitmap(photo);
  const side = Math.min(whole.width, whole.height);
  const context = new OffscreenCanvas(edge, edge).getContext("2d", { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, (whole.width - side) / 2, (whole.height - side) / 2, side, side, 0, 0, edge, edge);
  whole.close();
  return context.getImageData(0, 0, edge, edge);
}

/** Milliseconds of each stage: the middle one of several runs, since the first warms up. */
export async function measured(model: ClipVision, photo: Blob, runs = 7): Promise<EmbeddingDetails> {
  const all: EmbeddingDetails[] = [];
  for (let run = 0; run < runs; run += 1) all.push(await model.embed(photo, { details: true }));
  all.sort((a, b) => a.timings.forward - b.timings.forward);
  return all[Math.floor(runs / 2)] as EmbeddingDetails;
}

/** How much each part of what the model sees matters, row by row: 1 the most, 0 not at all. */
export interface HeatMap {
  cells: number;
  values: Float32Array;
}

/**
 * Parts of the photo are covered one after the other, with its mean color. The more the similarity to the text falls, the more that
 * part matters (occlusion; Zeiler and Fergus, arXiv 1311.2901). It takes no more than embeddings, so it works for every model.
 *
 * @param onCells hears of the map as it fills
 */
export async function heatMap(
  model: ClipVision, pixels: ImageData, text: string, { cells, signal, onCells }: { cells: number; signal: AbortSignal; onCells: (map: HeatMap) => void },
): Promise<void> {
  const query = await model.embedText(text, { signal });
  const whole = cosineSimilarity(await model.embed(pixels, { signal }), query);
  const falls = new Float32Array(cells * cells);
  const places = Array.from(falls.keys());
  const covers = { photo: (place: number) => covered(pixels, cells, place), signal };
  for await (const { index, embedding, error } of model.embedMany(places, covers)) {
    if (error) throw error;
    falls[index] = Math.max(0, whole - cosineSimilarity(embedding, query));
    if (index % cells === cells - 1) onCells({ cells, values: spread(falls) });
  }
}

const spread = (falls: Float32Array): Float32Array => {
  const most = Math.max(...falls, 1e-6);
  return falls.map((fall) => fall / most);
};

/** The photo with one place, and half a place around it, covered. */
function covered(pixels: ImageData, cells: number, place: number): ImageData {
  const { width, height } = pixels;
  const copy = new ImageData(new Uint8ClampedArray(pixels.data), width, height);
  const mean = meanOf(pixels);
  const [column, row] = [place % cells, Math.floor(place / cells)];
  const range = (at: number, edge: number): [number, number] => [Math.max(0, Math.floor(((at - 0.5) * edge) / cells)), Math.min(edge, Math.ceil(((at + 1.5) * edge) / cells))];
  const [[left, right], [top, bottom]] = [range(column, width), range(row, height)];
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) copy.data.set(mean, 4 * (y * width + x));
  }
  return copy;
}

function meanOf({ data }: ImageData): [number, number, number, number] {
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) for (const c of [0, 1, 2]) sums[c] = (sums[c] as number) + (data[i + c] as number);
  const [r = 0, g = 0, b = 0] = sums.map((sum) => Math.round((4 * sum) / data.length));
  return [r, g, b, 255];
}

/** What is compared; the first is what the others are held against. */
const WAYS = [
  { name: "f32", precision: "f32", device: "wasm" },
  { name: "int8", precision: "int8", device: "wasm" },
  { name: "GPU", precision: "f32", device: "webgpu" },
] as const;

interface Figures {
  /** Milliseconds of the model itself. */
  forward: number;
  bytes: number;
}

export interface Comparison {
  name: string;
  /** With the cosine to the embedding in f32; missing where there was nothing to measure. */
  figures?: Figures & { cosine: number };
  /** Why no GPU was measured. */
  why?: GpuRefusal;
}

/** The same photo by the same model in each way, on this device. */
export async function compared(model: string, photo: Blob, signal: AbortSignal): Promise<Comparison[]> {
  const results: Comparison[] = [];
  let exact: Float32Array | undefined;
  for (const way of WAYS) {
    try {
      const { embedding, ...figures } = await measuredIn(way, model, photo, signal);
      exact ??= embedding;
      results.push({ name: way.name, figures: { ...figures, cosine: cosineSimilarity(embedding, exact) } });
    } catch (error) {
      if (!(error instanceof ClipVisionError) || error.code !== "gpu") throw error;
      results.push({ name: way.name, why: error.why ?? "failed" });
    }
  }
  return results;
}

/** The model is loaded for it and closed again. */
async function measuredIn(
  { precision, device }: (typeof WAYS)[number], model: string, photo: Blob, signal: AbortSignal,
): Promise<Figures & { embedding: Float32Array }> {
  const one = await ClipVision.load(model, { precision, device, signal, onWarning: () => undefined });
  try {
    const { embedding, timings } = await measured(one, photo, 9);
    const { bytes, device: used, why } = one.info;
    if (used !== device) throw new ClipVisionError("gpu", "The GPU failed meanwhile", { why });
    return { embedding, forward: timings.forward, bytes };
  } finally {
    one.close();
  }
}
