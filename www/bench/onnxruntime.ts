/** onnxruntime-web, if its `dist/` folder is beside this page as `onnxruntime-web/`. */

import type { Measured } from "./measure.ts";
import type { Shape } from "./models.ts";

/** What its worker is asked to measure. */
export interface Asked {
  shape: Shape;
  device: "wasm" | "webgpu";
  threads: number;
  /** The address of its script, and of the folder that this is in. */
  script: string;
  folder: string;
  /** The photo as the model sees it, (3, height, width). */
  pixels: Float32Array;
}

/** What its worker answers: what it does now, and at last what it measured. */
export type Answer = { doing: string } | { measured: Measured } | { failed: string };

/** The scripts of its two builds. */
const SCRIPTS = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };
const FOLDER = new URL("onnxruntime-web/", document.baseURI).href;

export async function isThere(): Promise<boolean> {
  const answer = await fetch(FOLDER + SCRIPTS.webgpu, { method: "HEAD" }).catch(() => undefined);
  // A server may answer whatever address with a page of its own.
  return Boolean(answer?.ok && answer.headers.get("content-type")?.includes("javascript"));
}

/** Measures in a worker of its own, whose memory goes with it. */
export function measureOnnxruntime(asked: Omit<Asked, "script" | "folder">, doing: (what: string) => void): Promise<Measured> {
  const worker = new Worker(new URL("./onnxruntime_worker.ts", import.meta.url), { type: "module" });
  return new Promise<Measured>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if ("doing" in data) doing(data.doing);
      else if ("measured" in data) resolve(data.measured);
      else reject(new Error(data.failed));
    };
    worker.onerror = ({ message }) => reject(new Error(message || "its worker failed"));
    worker.postMessage({ ...asked, script: FOLDER + SCRIPTS[asked.device], folder: FOLDER } satisfies Asked);
  }).finally(() => worker.terminate());
}
