/**
 * The towers of a model on a GPU: photos and texts that are prepared in the engine go in, embeddings come out. One pass at a time.
 */

import type { GpuInfo } from "../../shared/protocol.js";
import type { EngineModel, EnginePrepared } from "../engine.js";
import { GpuFailure, type Gpu } from "./device.js";
import { Runner, type Pipelines, type Plan } from "./plan.js";

/** What the towers are made of. */
export interface TowersContext {
  gpu: Gpu;
  pipelines: Pipelines;
  info: GpuInfo;
  model: EngineModel;
  /** Runs a piece of Rust. */
  run<T>(work: () => T): T;
  /** The buffers of weights, by their tensors' names; those of the text tower come later. */
  weights: ReadonlyMap<string, GPUBuffer>;
}

/** Photos of a pass at most; fewer where a GPU gives less memory. */
const MOST_PHOTOS = 16;
/** Bytes for what is between the steps of a pass. */
const MOST_BETWEEN = 512 << 20;
/** Passes over texts whose buffers are kept: the lengths of texts differ. */
const KEPT_TEXTS = 4;

/** See the module. */
export class GpuTowers {
  readonly info: GpuInfo;
  /** Photos that are worth computing together. */
  readonly batch: number;
  readonly #context: TowersContext;
  readonly #photos = new Map<number, Promise<Runner>>();
  readonly #texts = new Map<string, Promise<Runner>>();

  private constructor(context: TowersContext, batch: number) {
    this.info = context.info;
    this.batch = batch;
    this.#context = context;
  }

  /**
   * Tries the towers on the weights that they were given.
   *
   * @throws {@link GpuFailure}
   */
  static async make(context: TowersContext): Promise<GpuTowers> {
    const { gpu, pipelines, model, weights, run } = context;
    const software = gpu.name.isFallback;
    const canary = await Runner.make(gpu, pipelines, run(() => model.canaryPlan(software)), weights);
    const output = await canary.run([run(() => model.canaryInput())]);
    canary.free();
    const { cosine, right } = run(() => model.checkCanary(output));
    if (!right) throw new GpuFailure("wrong-numbers", `The GPU computes other values than the CPU with the model's weights (cosine ${cosine})`);
    const { maxStorageBufferBindingSize } = gpu.device.limits;
    let batch = MOST_PHOTOS;
    while (batch > 1 && !fits(run(() => model.photoPlan(batch, software)), maxStorageBufferBindingSize)) batch /= 2;
    const towers = new GpuTowers(context, batch);
    await towers.#photoRunner(1); // its pipelines are made while the page still waits for the model
    return towers;
  }

  /** Embeds photos: the embeddings one after the other. The photos stay the caller's. */
  async photos(photos: readonly EnginePrepared[]): Promise<Float32Array> {
    const { model, run } = this.#context;
    const inputs = photos.map((photo) => run(() => model.photoInput(photo)));
    const outputs: Float32Array[] = [];
    for (let at = 0; at < inputs.length; ) {
      // Powers of two, so that there are few plans.
      const count = Math.min(this.batch, 2 ** Math.floor(Math.log2(inputs.length - at)));
      const output = await (await this.#photoRunner(count)).run(inputs.slice(at, at + count));
      outputs.push(run(() => model.photoOutput(output, count)));
      at += count;
    }
    const [first] = outputs;
    if (outputs.length === 1 && first) return first;
    return joinedFloats(outputs);
  }

  /** Embeds texts, of their tokens one after the other: the embeddings likewise. */
  async texts(ids: Uint32Array, lengths: Uint32Array): Promise<Float32Array> {
    const { model, run } = this.#context;
    const output = await (await this.#textRunner(lengths)).run([run(() => model.textInput(ids, lengths))]);
    return run(() => model.textOutput(output, lengths.length));
  }

  #photoRunner(count: number): Promise<Runner> {
    const { gpu, model, run } = this.#context;
    const made = this.#photos.get(count) ?? this.#make(run(() => model.photoPlan(count, gpu.name.isFallback)));
    this.#photos.set(count, made);
    return made;
  }

  async #textRunner(lengths: Uint32Array): Promise<Runner> {
    const { gpu, model, run } = this.#context;
    const key = lengths.join();
    const made = this.#texts.get(key) ?? this.#make(run(() => model.textPlan(lengths, gpu.name.isFallback)));
    this.#texts.delete(key);
    this.#texts.set(key, made); // what is used comes last
    for (const [oldest, runner] of this.#texts) {
      if (this.#texts.size <= KEPT_TEXTS) break;
      this.#texts.delete(oldest);
      (await runner).free();
    }
    return made;
  }

  #make(plan: Plan): Promise<Runner> {
    const { gpu, pipelines, weights } = this.#context;
    return Runner.make(gpu, pipelines, plan, weights);
  }

  /** Other texts are computed from now on. */
  forgetTexts(): void {
    this.#texts.clear();
  }

  close(): void {
    this.#context.gpu.close();
  }
}

/** Whether a GPU has the memory for a pass. */
function fits({ buffers }: Plan, mostOfOne: number): boolean {
  const own = buffers.filter(({ role }) => role !== "weight" && role !== "constants").map(({ size }) => size);
  return Math.max(...own) <= mostOfOne && own.reduce((sum, bytes) => sum + bytes, 0) <= MOST_BETWEEN;
}

function joinedFloats(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
