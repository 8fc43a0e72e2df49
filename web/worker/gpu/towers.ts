/**
 * The towers of a model on a GPU: photos and texts that are prepared in the engine go in, embeddings come out. One pass at a time.
 */

import { isCoded } from "../../shared/errors.js";
import type { GpuInfo, GpuRefusal } from "../../shared/protocol.js";
import { joined } from "../../shared/values.js";
import type { EngineModel, EnginePlan, EnginePrepared } from "../engine.js";
import type { Gpu } from "./device.js";
import { Runner, type Pipelines, type Plan } from "./plan.js";
import type { Verdicts } from "./verdicts.js";

/** What the towers are made of. */
export interface TowersContext {
  gpu: Gpu;
  pipelines: Pipelines;
  info: GpuInfo;
  model: EngineModel;
  /** Runs a piece of Rust. */
  run<T>(work: () => T): T;
  /** Milliseconds from any fixed point. */
  now(): number;
  /** Where it is kept why the GPU failed. */
  verdicts: Verdicts | undefined;
  /** The buffers of weights, by their tensors' names; those of the text tower come later. */
  weights: ReadonlyMap<string, GPUBuffer>;
}

/** Photos of a pass at most; fewer where a GPU gives less memory. */
const MOST_PHOTOS = 16;
/** Milliseconds of a pass of several photos at most, in which the GPU may draw nothing of the page. */
const LONGEST = 500;
/** Bytes for what is between the steps of a pass. */
const MOST_BETWEEN = 512 << 20;
/** Lengths of texts whose passes are kept. */
const KEPT_TEXTS = 16;

/** What embeddings of the same photo by other kernels have to have. */
const LEAST_COSINE = 0.99999;

/** A plan that can be run, and what its output is read by. */
interface Pass {
  plan: EnginePlan;
  runner: Runner;
}

/** See the module. */
export class GpuTowers {
  readonly info: GpuInfo;
  #batch: number;
  readonly #context: TowersContext;
  readonly #photos = new Map<number, Promise<Pass>>();
  readonly #texts = new Map<number, Promise<Pass>>();
  /** Whether the text tower that there is was tried. */
  #textsTried = false;

  private constructor(context: TowersContext, batch: number) {
    this.info = context.info;
    this.#batch = batch;
    this.#context = context;
  }

  /** Photos that are worth computing together. */
  get batch(): number {
    return this.#batch;
  }

  /**
   * Takes the vision tower of a model whose weights are on the GPU.
   *
   * @throws a GPU's failure where it does not compute what it should
   */
  static async make(context: TowersContext): Promise<GpuTowers> {
    const { gpu, model, run } = context;
    const { maxStorageBufferBindingSize } = gpu.device.limits;
    const planned = (count: number): Plan => {
      const plan = run(() => model.photoPlan(count, gpu.name.isFallback));
      try {
        return run(() => plan.take());
      } finally {
        plan.free();
      }
    };
    let batch = MOST_PHOTOS;
    while (batch > 1 && !fits(planned(batch), maxStorageBufferBindingSize)) batch /= 2;
    const towers = new GpuTowers(context, batch);
    const time = await towers.#try();
    while (!gpu.name.isFallback && towers.#batch > 1 && time * towers.#batch > LONGEST) towers.#batch /= 2;
    return towers;
  }

  /**
   * Tries the tower on its real weights: a photo has to give the same bits again, and on hardware, by other kernels, the same embedding.
   * So the pipelines are made while the page still waits for the model, too. Resolves to the milliseconds that a photo takes.
   */
  async #try(): Promise<number> {
    const { gpu, model, run, now } = this.#context;
    const { imageSize } = run(() => model.info());
    const photo = run(() => model.prepared(Float32Array.from({ length: 3 * imageSize * imageSize }, (_, at) => Math.sin(at))));
    try {
      const first = await this.photos([photo]);
      const begin = now();
      const again = await this.photos([photo]);
      const time = now() - begin;
      if (first.some((value, at) => value !== again[at])) throw gpu.fail("wrong-numbers", "The GPU gives another embedding of the same photo");
      if (gpu.name.isFallback) return time;
      const other = run(() => model.photoPlan(1, true));
      await this.#compare("photo", first, other, run(() => model.photoInput(photo)), (output) => model.photoOutput(other, output));
      return time;
    } finally {
      photo.free();
    }
  }

  /** Computes what gave an embedding by another plan, of other kernels, and takes it away: that has to give the same. */
  async #compare(what: string, embedding: Float32Array, plan: EnginePlan, input: Float32Array, read: (output: Float32Array) => Float32Array): Promise<void> {
    const { gpu } = this.#context;
    const other = await this.#make(plan);
    const output = await other.runner.run([input]);
    const cosine = cosineOf(embedding, this.#read(() => read(output)));
    freePass(other);
    if (!(cosine >= LEAST_COSINE)) throw gpu.fail("wrong-numbers", `Two ways to compute the same ${what} differ on this GPU (cosine ${cosine})`);
  }

  /** Embeds photos: the embeddings one after the other. The photos stay the caller's. */
  async photos(photos: readonly EnginePrepared[]): Promise<Float32Array> {
    const { model, run } = this.#context;
    const inputs = photos.map((photo) => run(() => model.photoInput(photo)));
    const outputs: Float32Array[] = [];
    for (let at = 0; at < inputs.length; ) {
      // Powers of two, so that there are few plans.
      const count = Math.min(this.batch, 2 ** Math.floor(Math.log2(inputs.length - at)));
      const { plan, runner } = await this.#photoPass(count);
      const output = await runner.run(inputs.slice(at, at + count));
      outputs.push(this.#read(() => model.photoOutput(plan, output)));
      at += count;
    }
    return joined(outputs, (length) => new Float32Array(length));
  }

  /** Embeds texts, of their tokens one after the other: the embeddings likewise. The first one tries their tower as photos' was tried. */
  async texts(ids: Uint32Array, lengths: Uint32Array): Promise<Float32Array> {
    const { gpu, model, run } = this.#context;
    const outputs: Float32Array[] = [];
    let at = 0;
    for (const length of lengths) {
      const { tokens, values } = run(() => model.textInput(ids.subarray(at, at + length)));
      const { plan, runner } = await this.#textPass(tokens);
      const output = await runner.run([values]);
      const embedding = this.#read(() => model.textOutput(plan, output));
      if (!this.#textsTried && !gpu.name.isFallback) {
        const other = run(() => model.textPlan(tokens, true));
        await this.#compare("text", embedding, other, values, (output) => model.textOutput(other, output));
      }
      this.#textsTried = true;
      outputs.push(embedding);
      at += length;
    }
    return joined(outputs, (length) => new Float32Array(length));
  }

  /** What Rust reads of an output; where that is no embedding the GPU failed without a word. */
  #read(work: () => Float32Array): Float32Array {
    try {
      return this.#context.run(work);
    } catch (error) {
      if (!isCoded(error) || error.code !== "compute") throw error;
      throw this.#context.gpu.fail("wrong-numbers", error.message);
    }
  }

  #photoPass(count: number): Promise<Pass> {
    const { gpu, model, run } = this.#context;
    const made = this.#photos.get(count) ?? this.#make(run(() => model.photoPlan(count, gpu.name.isFallback)));
    this.#photos.set(count, made);
    return made;
  }

  async #textPass(tokens: number): Promise<Pass> {
    const { gpu, model, run } = this.#context;
    const made = this.#texts.get(tokens) ?? this.#make(run(() => model.textPlan(tokens, gpu.name.isFallback)));
    this.#texts.delete(tokens);
    this.#texts.set(tokens, made); // what is used comes last
    const [oldest] = this.#texts;
    if (oldest && this.#texts.size > KEPT_TEXTS) {
      this.#texts.delete(oldest[0]);
      freePass(await oldest[1]);
    }
    return made;
  }

  async #make(plan: EnginePlan): Promise<Pass> {
    const { gpu, pipelines, weights, run } = this.#context;
    return { plan, runner: await Runner.make(gpu, pipelines, run(() => plan.take()), weights) };
  }

  /** The text tower has been loaded once more: other buffers have its weights. */
  async forgetTexts(): Promise<void> {
    const passes = [...this.#texts.values()];
    this.#texts.clear();
    this.#textsTried = false;
    for (const pass of passes) await pass.then(freePass, () => undefined);
  }

  /** Lets go of the GPU; `why` it failed is kept, unless it was only lost. */
  close(why?: GpuRefusal): void {
    this.#context.gpu.close();
    if (why && why !== "lost") void this.#context.verdicts?.failed(why, this.info);
  }
}

function freePass({ plan, runner }: Pass): void {
  runner.free();
  plan.free();
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  let [product, aa, bb] = [0, 0, 0];
  a.forEach((value, at) => {
    const other = b[at] ?? 0;
    product += value * other;
    aa += value * value;
    bb += other * other;
  });
  return product / Math.sqrt(aa * bb);
}

/** Whether a GPU has the memory for a pass. */
function fits({ buffers }: Plan, mostOfOne: number): boolean {
  const own = buffers.filter(({ role }) => role !== "weight").map(({ size }) => size);
  return Math.max(...own) <= mostOfOne && own.reduce((sum, bytes) => sum + bytes, 0) <= MOST_BETWEEN;
}
