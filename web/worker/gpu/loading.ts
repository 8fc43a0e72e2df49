/**
 * How a model gets to a GPU: first it is decided whether the GPU is worth it, then each tensor goes up as it arrives, and in the end
 * the towers are tried on the real weights.
 */

import { gpuFailure, isGpuFailure } from "../../shared/gpu_failure.js";
import type { GpuInfo } from "../../shared/protocol.js";
import { VERSION } from "../../shared/protocol.js";
import type { Source } from "../../shared/sources.js";
import type { Store } from "../../shared/store.js";
import type { Engine, EngineLoader, EngineModel, EngineProbe } from "../engine.js";
import { COPY_DST, STORAGE } from "./constants.js";
import { nameOf } from "./adapter.js";
import { Gpu } from "./device.js";
import { bufferOf, Pipelines, Runner } from "./plan.js";
import { GpuTowers } from "./towers.js";
import { Verdicts, type Verdict } from "./verdicts.js";

/** What it needs of the loading. */
export interface GpuContext {
  engine: Engine;
  /** Runs a piece of Rust. */
  run<T>(work: () => T): T;
  adapter: GPUAdapter;
  /** The threads that WebAssembly was asked to compute with. */
  threads: number | undefined;
  /** Whether it is used only if it is faster than WebAssembly. */
  mustBeFaster: boolean;
  now(): number;
  /** Opens the store in which verdicts are kept; missing where they are not. */
  openStore?(): Promise<Store>;
}

/** So many times as fast as WebAssembly a GPU has to be. */
const WORTH_IT = 1.3;
/** Passes that are timed; the shortest counts. */
const TIMED = 3;
/** Photos of the passes of a probe: one, an odd number, and a batch, which software in a GPU's place would take too long for. */
const PROBED = [1, 3, 16];

/** A GPU that a model is loaded into. */
export class GpuLoading {
  readonly #context: GpuContext;
  #gpu: Gpu | undefined;
  #pipelines: Pipelines | undefined;
  /** The buffers of weights, by their tensors' names. */
  readonly #weights = new Map<string, GPUBuffer>();
  #towers: GpuTowers | undefined;
  #chosen = false;
  /** Where what is found of it is kept. */
  #verdicts: Verdicts | undefined;
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
   * @throws a GPU's failure where the GPU is not to be used, and what reading the file throws
   */
  async choose(make: () => EngineLoader, source: Source, signal: AbortSignal): Promise<void> {
    if (this.#chosen) return;
    const { adapter, threads, run, openStore } = this.#context;
    const name = nameOf(adapter);
    const loader = run(make);
    try {
      const shape = await this.#shape(loader, source, signal);
      // What is slower than WebAssembly on all cores, which a page that is not isolated has not, may be faster than one thread.
      const key = JSON.stringify([VERSION, navigator.userAgent, crossOriginIsolated, threads, name, shape]);
      const verdicts = (this.#verdicts = new Verdicts(await openStore?.().catch(() => undefined), key));
      const kept = await verdicts.get();
      if (kept) this.#judge(kept, name);
      const probe = !kept || kept.why ? this.#probe(loader) : undefined;
      try {
        await this.#orKept(async () => {
          this.#gpu = await Gpu.open(adapter);
          this.#pipelines = new Pipelines(this.#gpu);
          if (!probe) return;
          const verdict = await this.#examine(probe);
          await verdicts.set(verdict);
          this.#judge(verdict, name);
        });
      } finally {
        probe?.free();
      }
      this.#chosen = true;
    } finally {
      loader.free();
    }
  }

  /** Does work, and keeps why the GPU failed at it: the next load need not try it again. */
  async #orKept<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isGpuFailure(error) && error.why !== "slower") await this.#verdicts?.failed(error.why, this.info);
      throw error;
    }
  }

  /** The shape of the model's vision tower, for which the file's header is read where nothing else says it. */
  async #shape(loader: EngineLoader, source: Source, signal: AbortSignal): Promise<string> {
    const { run } = this.#context;
    const shape = () => run(() => loader.shape());
    if (shape() === undefined) {
      await source.read(
        {
          wanted: () => (shape() === undefined ? (run(() => loader.wanted()) as [number, number] | undefined) : undefined),
          take: (at, piece) => void (shape() === undefined && run(() => loader.push(at, piece))),
          size: (bytes) => run(() => loader.setSize(bytes)),
        },
        signal,
      );
    }
    return shape() ?? "";
  }

  /** What an earlier probe, or this one, found; `"webgpu"` takes what computes right, however slowly. */
  #judge({ why, until, ...times }: Verdict, { vendor, architecture }: Pick<GpuInfo, "vendor" | "architecture">): void {
    if (until !== undefined) {
      if (!this.#context.mustBeFaster) return; // it may have been the moment
      throw gpuFailure(why ?? "failed", "The GPU failed when it was last tried; it is tried again a day later");
    }
    this.info = { vendor, architecture, ...times };
    if (why === "slower" && this.#context.mustBeFaster) {
      const [gpu, wasm] = [times.gpuTime, times.wasmTime].map((time) => time.toFixed(1));
      throw gpuFailure(why, `The GPU takes ${gpu} ms for some layers, and WebAssembly ${wasm} ms`);
    }
    if (why === "wrong-numbers" && (this.#context.mustBeFaster || this.#gpu)) {
      throw gpuFailure(why, `The GPU computes other values than the CPU (cosine ${times.cosine})`);
    }
  }

  /** A layer of the model's shape. */
  #probe(loader: EngineLoader): EngineProbe {
    const probe = this.#context.run(() => loader.probe());
    if (!probe) throw gpuFailure("unsupported-model", "Models of texts alone are computed in WebAssembly");
    return probe;
  }

  /** Computes a probe, here and there. */
  async #examine(probe: EngineProbe): Promise<Verdict> {
    const { run, now } = this.#context;
    const [gpu, pipelines] = this.#open();
    const weights = new Map<string, GPUBuffer>();
    let [cosine, gpuTime, wasmTime, isRight] = [1, Infinity, Infinity, true];
    // Some browsers' clocks are so coarse that both take no time at all.
    const isFaster = (): boolean => wasmTime > 0 && gpuTime * WORTH_IT <= wasmTime;
    try {
      await this.#upload(run(() => probe.takeMatrices()), weights);
      for (const count of gpu.name.isFallback ? PROBED.slice(0, -1) : PROBED) {
        const plan = run(() => probe.plan(count, gpu.name.isFallback));
        const runner = await Runner.make(gpu, pipelines, run(() => plan.take()), weights);
        const input = [run(() => probe.input(count))];
        const [first, second] = [await runner.run(input), await runner.run(input)];
        const verdict = run(() => probe.check(plan, first, second));
        cosine = Math.min(cosine, verdict.cosine);
        isRight &&= verdict.right;
        for (let time = 0; count === 1 && time < TIMED; time += 1) {
          const begin = now();
          await runner.run(input);
          const between = now();
          run(() => probe.compute());
          [gpuTime, wasmTime] = [Math.min(gpuTime, between - begin), Math.min(wasmTime, now() - between)];
        }
        runner.free();
        plan.free();
        if (this.#context.mustBeFaster && !isFaster()) break; // the others would take long, and be of no use
      }
    } finally {
      for (const buffer of weights.values()) buffer.destroy();
    }
    const why = isRight ? (isFaster() ? undefined : ("slower" as const)) : ("wrong-numbers" as const);
    return { cosine, gpuTime, wasmTime, ...(why && { why }) };
  }

  #open(): [Gpu, Pipelines] {
    if (!this.#gpu || !this.#pipelines) throw gpuFailure("failed", "The GPU was not opened");
    return [this.#gpu, this.#pipelines];
  }

  // ------------------------------------------------------------------------------------------------ the weights

  /**
   * Takes what a loader has made of the last piece. It throws no failure of the GPU, which is heard at the end: so the model gets into
   * the cache all the same, from which it is loaded without a GPU.
   */
  take(loader: EngineLoader): void {
    const matrices = this.#context.run(() => loader.takeMatrices());
    // Its failure is the device's from then on.
    if (matrices.length > 0) this.#upload(matrices, this.#weights).catch(() => undefined);
  }

  #upload(matrices: readonly { name: string; bytes: Uint8Array }[], to: Map<string, GPUBuffer>): Promise<void> {
    const [gpu] = this.#open();
    return gpu.checked("the weights", () => {
      for (const { name, bytes } of matrices) {
        to.get(name)?.destroy(); // a file that changed is loaded anew
        to.set(name, bufferOf(gpu.device, bytes.byteLength, STORAGE | COPY_DST, bytes as Uint8Array<ArrayBuffer>));
      }
    });
  }

  /**
   * The vision tower, once all its weights are there.
   *
   * @throws a GPU's failure where it does not compute what it should
   */
  async towers(model: EngineModel): Promise<GpuTowers> {
    const [gpu, pipelines] = this.#open();
    const { run, now } = this.#context;
    const info = this.info as GpuInfo;
    return this.#orKept(async () => {
      if (gpu.failure) throw gpu.failure;
      return (this.#towers = await GpuTowers.make({ gpu, pipelines, info, model, run, now, weights: this.#weights, verdicts: this.#verdicts }));
    });
  }

  /** The text tower has been loaded, perhaps not for the first time. */
  hasText(): void {
    void this.#towers?.forgetTexts();
  }

  close(): void {
    this.#gpu?.close();
  }
}
