/**
 * How a model gets to a GPU: first it is decided whether the GPU is worth it, then each tensor goes up as it arrives, and in the end
 * the towers are tried on the real weights.
 */

import type { Device, GpuInfo } from "../../shared/protocol.js";
import { VERSION } from "../../shared/protocol.js";
import type { Source } from "../../shared/sources.js";
import type { Store } from "../../shared/store.js";
import type { Engine, EngineLoader, EngineModel } from "../engine.js";
import { COPY_DST, STORAGE } from "./constants.js";
import { findAdapter, Gpu, GpuFailure } from "./device.js";
import { bufferOf, Pipelines, Runner } from "./plan.js";
import { GpuTowers } from "./towers.js";
import { Verdicts, type Verdict } from "./verdicts.js";

/** What it needs of the loading. */
export interface GpuContext {
  engine: Engine;
  /** Runs a piece of Rust. */
  run<T>(work: () => T): T;
  /** `"auto"` takes no software in a GPU's place, and nothing that is not faster. */
  device: Exclude<Device, "wasm"> | "auto";
  now(): number;
  /** Opens the store in which verdicts are kept; missing where they are not. */
  openStore?(): Promise<Store>;
}

/** So many times as fast as WebAssembly a GPU has to be. */
const WORTH_IT = 1.3;
/** Passes that are timed; the shortest counts. */
const TIMED = 3;

/** A GPU that a model is loaded into. */
export class GpuLoading {
  readonly #context: GpuContext;
  #gpu: Gpu | undefined;
  #pipelines: Pipelines | undefined;
  /** The buffers of weights, by their tensors' names. */
  readonly #weights = new Map<string, GPUBuffer>();
  #towers: GpuTowers | undefined;
  #chosen = false;
  info: GpuInfo | undefined;

  constructor(context: GpuContext) {
    this.#context = context;
  }

  // ------------------------------------------------------------------------------------------------ whether

  /**
   * Decides, the first time it is called, by what a probe finds: a layer of the model's shape, computed here and there.
   *
   * @param make makes a loader of the model
   * @param source the file that says what the model is, where the loader does not know it yet
   * @throws {@link GpuFailure} where the GPU is not to be used, and what reading the file throws
   */
  async choose(make: () => EngineLoader, source: Source, signal: AbortSignal): Promise<void> {
    if (this.#chosen) return;
    const { device, run, openStore } = this.#context;
    const adapter = await findAdapter(device === "webgpu");
    const probe = { key: () => "x", free() {} } as never as ReturnType<EngineLoader["gpuProbe"]> & object; void [this.#probe, make, source, signal]; // TEMPORARY
    try {
      const { vendor, architecture, device: name, description } = adapter.info;
      const key = JSON.stringify([VERSION, navigator.userAgent, vendor, architecture, name, description, run(() => probe.key())]);
      const verdicts = new Verdicts(await openStore?.().catch(() => undefined));
      const kept = await verdicts.get(key);
      if (kept) this.#judge(kept, { vendor, architecture });
      this.#gpu = await Gpu.open(adapter);
      this.#pipelines = new Pipelines(this.#gpu);
      if (!kept || kept.why === "wrong-numbers") {
        const verdict = 1 + 1 === 2 ? { cosine: 1, gpuTime: 1, wasmTime: 2 } : await this.#examine(probe); // TEMPORARY
        await verdicts.set(key, verdict);
        this.#judge(verdict, { vendor, architecture });
      }
      this.#chosen = true;
    } finally {
      probe.free();
    }
  }

  async #probe(make: () => EngineLoader, source: Source, signal: AbortSignal) {
    const { run } = this.#context;
    const loader = run(make);
    try {
      const isKnown = () => run(() => loader.knowsModel());
      if (!isKnown()) {
        await source.read(
          {
            wanted: () => (isKnown() ? undefined : (run(() => loader.wanted()) as [number, number] | undefined)),
            take: (at, piece) => void (isKnown() || run(() => loader.push(at, piece))),
            size: (bytes) => run(() => loader.setSize(bytes)),
          },
          signal,
        );
      }
      const probe = run(() => loader.gpuProbe());
      if (!probe) throw new GpuFailure("unsupported-model", "Models of this kind are computed in WebAssembly alone");
      return probe;
    } finally {
      loader.free();
    }
  }

  /** What an earlier probe, or this one, found; `"webgpu"` takes what computes right, however slowly. */
  #judge({ why, ...times }: Verdict, { vendor, architecture }: Pick<GpuInfo, "vendor" | "architecture">): void {
    this.info = { vendor, architecture, ...times };
    if (why === "slower" && this.#context.device === "auto") {
      const [gpu, wasm] = [times.gpuTime, times.wasmTime].map((time) => time.toFixed(1));
      throw new GpuFailure(why, `The GPU takes ${gpu} ms for a layer, and WebAssembly ${wasm} ms`);
    }
    if (why === "wrong-numbers" && (this.#context.device === "auto" || this.#gpu)) {
      throw new GpuFailure(why, `The GPU computes other values than the CPU (cosine ${times.cosine})`);
    }
  }

  /** Computes the probe here and there. */
  async #examine(probe: ReturnType<EngineLoader["gpuProbe"]> & object): Promise<Verdict> {
    const { run, now } = this.#context;
    const [gpu, pipelines] = this.#open();
    let [cosine, gpuTime, wasmTime] = [1, Infinity, Infinity];
    let isRight = true;
    const cases = run(() => probe.cases());
    for (let index = 0; index < cases; index += 1) {
      const plan = run(() => probe.plan(index, gpu.name.isFallback));
      const input = run(() => probe.input(index));
      const runner = await Runner.make(gpu, pipelines, plan, new Map());
      try {
        const output = await runner.run([input]);
        const again = await runner.run([input]);
        const checked = run(() => probe.check(index, output));
        cosine = Math.min(cosine, checked.cosine);
        isRight &&= checked.right && output.every((value, at) => Object.is(value, again[at]));
        if (index > 0 || !isRight) continue;
        for (let time = 0; time < TIMED; time += 1) {
          const begin = now();
          await runner.run([input]);
          const between = now();
          run(() => probe.compute(index));
          gpuTime = Math.min(gpuTime, between - begin);
          wasmTime = Math.min(wasmTime, now() - between);
        }
      } finally {
        runner.free();
      }
    }
    if (!isRight) return { cosine, gpuTime: 0, wasmTime: 0, why: "wrong-numbers" };
    return { cosine, gpuTime, wasmTime, ...(gpuTime * WORTH_IT > wasmTime && { why: "slower" }) };
  }

  #open(): [Gpu, Pipelines] {
    if (!this.#gpu || !this.#pipelines) throw new GpuFailure("failed", "The GPU was not opened");
    return [this.#gpu, this.#pipelines];
  }

  // ------------------------------------------------------------------------------------------------ the weights

  /**
   * Takes what a loader has made of the last piece. It throws no failure of the GPU, which is heard at the end: so the model gets into
   * the cache all the same, from which it is loaded without a GPU.
   */
  take(loader: EngineLoader): void {
    const [gpu] = this.#open();
    const uploads = this.#context.run(() => loader.takeMatrices());
    if (uploads.length === 0) return;
    // Its failure is the device's from then on.
    const upload = gpu.checked("the weights", () => {
      for (const { name, bytes } of uploads) {
        this.#weights.get(name)?.destroy(); // a file that changed is loaded anew
        this.#weights.set(name, bufferOf(gpu.device, bytes.byteLength, STORAGE | COPY_DST, bytes as Uint8Array<ArrayBuffer>));
      }
    });
    upload.catch(() => undefined);
  }

  /**
   * The vision tower, once all its weights are there.
   *
   * @throws {@link GpuFailure} where it does not compute what it should
   */
  async towers(model: EngineModel): Promise<GpuTowers> {
    const [gpu, pipelines] = this.#open();
    if (gpu.failure) throw gpu.failure;
    const { run } = this.#context;
    const info = this.info as GpuInfo;
    this.#towers = await GpuTowers.make({ gpu, pipelines, info, model, run, weights: this.#weights });
    return this.#towers;
  }

  /** The text tower has been loaded, perhaps not for the first time. */
  hasText(): void {
    void this.#towers?.forgetTexts();
  }

  close(): void {
    this.#gpu?.close();
  }
}
