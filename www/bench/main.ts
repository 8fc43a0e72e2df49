/** One button measures what this device computes, and gives a text to paste into an issue. */

import { ClipVision, type ClipVisionInfo, type EmbeddingDetails } from "clip-vision";
import { cosineSimilarity } from "clip-vision/search";
import { measure, noise, type Measured } from "./measure.ts";
import { modelOf, SHAPES, TINY, type Shape } from "./models.ts";
import { isThere, measureOnnxruntime } from "./onnxruntime.ts";

const element = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const [run, copy, large] = [element<HTMLButtonElement>("run"), element<HTMLButtonElement>("copy"), element<HTMLInputElement>("large")];
const [doing, report] = [element("doing"), element("report")];

const DEVICES = ["wasm", "webgpu"] as const;
/** Letters of a line's name. */
const NAME = 36;

const say = (what: string): void => void (doing.textContent = what);
const add = (line: string): void => report.append(`${line}\n`);
const ms = (time: number): string => (time < 10 ? time.toFixed(2) : time.toFixed(time < 100 ? 1 : 0)).padStart(8);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

run.addEventListener("click", () => {
  run.disabled = true;
  report.textContent = "";
  void measureAll().finally(() => {
    run.disabled = false;
    copy.hidden = false;
    say("Done: copy the text into an issue, with the name of the device.");
  });
});
copy.addEventListener("click", () => void navigator.clipboard.writeText(report.textContent ?? ""));

async function measureAll(): Promise<void> {
  add("```");
  add(navigator.userAgent);
  add(`${navigator.hardwareConcurrency} cores, ${crossOriginIsolated ? "isolated: threads" : "not isolated: one thread"}`);
  const shapes = new URLSearchParams(location.search).has("tiny") ? [TINY] : SHAPES;
  await chosen(shapes[0] as Shape);
  add("");
  const withPeer = await isThere();
  if (!withPeer) add("onnxruntime-web is not beside this page");
  add(`${"milliseconds".padEnd(NAME)}     load    first      one  of many   (one: the median of 15; of many: each of 64 in batches)`);
  for (const shape of shapes) {
    if (shape.name !== "L/14" || large.checked) await compare(shape, withPeer);
  }
  add("```");
}

/** What `device: "auto"` makes of this device, by its probe. */
async function chosen(shape: Shape): Promise<void> {
  say("The probe");
  try {
    const clip = await ClipVision.load(modelOf(shape), { device: "auto", cache: false });
    const { device, gpu, why } = clip.info;
    clip.close();
    add(`auto takes ${device}${why ? `: ${why}` : ""}`);
    if (!gpu) return;
    add(`${gpu.vendor || "vendor unknown"} ${gpu.architecture}, cosine ${gpu.cosine}, three layers ${ms(gpu.gpuTime).trim()} ms, WebAssembly ${ms(gpu.wasmTime).trim()} ms`);
  } catch (error) {
    add(`auto fails: ${messageOf(error)}`);
  }
}

/** Measures a tower on each device; the cosines are to the first that computed. */
async function compare(shape: Shape, withPeer: boolean): Promise<void> {
  let first: Float32Array | undefined;
  const line = async (what: string, work: (doing: (what: string) => void) => Promise<Measured & { info?: ClipVisionInfo }>): Promise<void> => {
    const name = `${shape.name}, ${what}`;
    try {
      const { load, first: begin, one, many, embedding, info } = await work((doing) => say(`${name}: ${doing}`));
      const how = info ? `   ${info.threads} threads, ${info.simd}` : "";
      const cosine = first ? `   cosine ${cosineSimilarity(first, embedding)}` : "";
      first ??= embedding;
      add(`${name.padEnd(NAME)} ${ms(load)} ${ms(begin)} ${ms(one)} ${ms(many)}${how}${cosine}`);
    } catch (error) {
      add(`${name.padEnd(NAME)} ${messageOf(error)}`);
    }
  };
  let seen: { pixels: Float32Array; threads: number } | undefined;
  for (const device of DEVICES) {
    await line(device, async (doing) => {
      const { pixels, ...result } = await measureClipVision(shape, device, doing);
      seen ??= { pixels, threads: result.info.threads };
      return result;
    });
  }
  if (!withPeer || !seen) return;
  for (const device of DEVICES) await line(`onnxruntime-web ${device}`, (doing) => measureOnnxruntime({ shape, device, ...seen! }, doing));
}

/** Measures the package, which says what the model sees as well. */
async function measureClipVision(
  shape: Shape,
  device: (typeof DEVICES)[number],
  doing: (what: string) => void,
): Promise<Measured & { info: ClipVisionInfo; pixels: Float32Array }> {
  const model = modelOf(shape);
  const photo = noise(shape.image);
  let clip: ClipVision | undefined;
  try {
    const measured = await measure(async () => {
      const loaded = (clip = await ClipVision.load(model, { device, cache: false, onWarning: ({ message }) => console.warn(message) }));
      return {
        async embed() {
          const { embedding, timings }: EmbeddingDetails = await loaded.embed(photo, { details: true });
          return { embedding, time: timings.forward };
        },
        async embedMany(count) {
          for await (const { error } of loaded.embedMany(Array(count).fill(photo))) if (error) throw error;
        },
      };
    }, doing);
    const { info } = clip as ClipVision;
    if (info.device !== device) throw new Error(`${device} failed meanwhile: ${info.why}`);
    return { ...measured, info, pixels: (await (clip as ClipVision).tensor(photo)).data };
  } finally {
    clip?.close();
  }
}
