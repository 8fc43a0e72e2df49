/** One button measures what this device computes, and gives a text to paste into an issue. */

import { ClipVision } from "clip-vision";
import { cosineSimilarity } from "clip-vision/search";
import { measure, type Measured } from "./measure.ts";
import { modelOf, SHAPES, TINY, type Shape } from "./models.ts";

const element = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const [run, copy, large] = [element<HTMLButtonElement>("run"), element<HTMLButtonElement>("copy"), element<HTMLInputElement>("large")];
const [doing, report] = [element("doing"), element("report")];

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
  add("milliseconds               load    first      one  of many   (one: the median of 15; of many: each of 64 in batches)");
  for (const shape of shapes) {
    if (shape.name !== "L/14" || large.checked) await compare(shape);
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
    add(`${gpu.vendor || "vendor unknown"} ${gpu.architecture}, cosine ${gpu.cosine}, two layers ${ms(gpu.gpuTime).trim()} ms, WebAssembly ${ms(gpu.wasmTime).trim()} ms`);
  } catch (error) {
    add(`auto fails: ${messageOf(error)}`);
  }
}

async function compare(shape: Shape): Promise<void> {
  const results: Measured[] = [];
  for (const device of ["wasm", "webgpu"] as const) {
    const name = `${shape.name}, ${device}`.padEnd(20);
    try {
      const result = await measure(shape, device, say);
      results.push(result);
      add(`${name} ${ms(result.load)} ${ms(result.first)} ${ms(result.one)} ${ms(result.many)}   ${result.info.threads} threads, ${result.info.simd}`);
    } catch (error) {
      add(`${name} ${messageOf(error)}`);
    }
  }
  const [wasm, webgpu] = results;
  if (wasm && webgpu) add(`${"".padEnd(20)} cosine ${cosineSimilarity(wasm.embedding, webgpu.embedding)}`);
}
