/** Measures one tower on one device. */

import { ClipVision, type ClipVisionInfo, type EmbeddingDetails } from "clip-vision";
import { modelOf, type Shape } from "./models.ts";

/** What was measured, in milliseconds. */
export interface Measured {
  info: ClipVisionInfo;
  /** From the call of `load`, with the weights at hand. */
  load: number;
  /** The first embedding. */
  first: number;
  /** One photo at a time, the median. */
  one: number;
  /** A photo of many. */
  many: number;
  embedding: Float32Array;
}

/** Photos that are measured one by one, and together; fewer once so many milliseconds have gone by. */
const ONE_BY_ONE = 15;
const TOGETHER = 64;
const ENOUGH = 20_000;

/** Measures a tower; `doing` hears what is done. */
export async function measure(shape: Shape, device: "wasm" | "webgpu", doing: (what: string) => void): Promise<Measured> {
  doing(`${shape.name}, ${device}: loading`);
  const model = modelOf(shape);
  let begin = performance.now();
  const clip = await ClipVision.load(model, { device, cache: false, onWarning: ({ message }) => console.warn(message) });
  try {
    const load = performance.now() - begin;
    const photo = { data: noise(shape.image), width: shape.image, height: shape.image, channels: 3 as const };
    begin = performance.now();
    const embedding = await clip.embed(photo);
    const first = performance.now() - begin;

    doing(`${shape.name}, ${device}: one by one`);
    const times: number[] = [];
    for (begin = performance.now(); times.length < ONE_BY_ONE && performance.now() - begin < ENOUGH; ) {
      const details: EmbeddingDetails = await clip.embed(photo, { details: true });
      times.push(details.timings.forward);
    }
    times.sort((a, b) => a - b);
    const one = times[times.length >> 1] ?? NaN;

    doing(`${shape.name}, ${device}: together`);
    const count = Math.max(2, Math.min(TOGETHER, Math.floor(ENOUGH / one)));
    // Once to make what passes of this size need.
    for await (const { error } of clip.embedMany(Array(Math.min(16, count)).fill(photo))) if (error) throw error;
    begin = performance.now();
    for await (const { error } of clip.embedMany(Array(count).fill(photo))) if (error) throw error;
    const many = (performance.now() - begin) / count;
    if (clip.info.device !== device) throw new Error(`${device} failed meanwhile: ${clip.info.why}`);
    return { info: clip.info, load, first, one, many, embedding };
  } finally {
    clip.close();
  }
}

/** Pixels that have nothing of a photo. */
function noise(edge: number): Uint8Array {
  const data = new Uint8Array(3 * edge * edge);
  let state = 7;
  for (let index = 0; index < data.length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[index] = state >>> 24;
  }
  return data;
}
