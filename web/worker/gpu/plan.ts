/**
 * Runs what Rust has planned: shaders, buffers and steps, as plain data, become pipelines, buffers and bind groups once, and then
 * each pass is one submit and one read.
 */

import { COMPUTE, COPY_DST, COPY_SRC, MAP_READ, STORAGE, UNIFORM } from "./constants.js";
import type { EnginePlan } from "../engine.js";
import { gpuFailure } from "../../shared/gpu_failure.js";
import type { Gpu } from "./device.js";

/** A plan as the engine gives it (`crates/wasm/src/gpu.rs`). */
export type Plan = ReturnType<EnginePlan["take"]>;
type Kernel = Plan["kernels"][number];

const BUFFER_TYPE = { read: "read-only-storage", readWrite: "storage", uniform: "uniform" } as const;
/** What a plan's uniforms are aligned to. */
const UNIFORM_BYTES = 256;

/** A shader of which there is a pipeline. */
interface Pipeline {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** The pipelines of one device: plans of other sizes have the same. */
export class Pipelines {
  readonly #gpu: Gpu;
  readonly #made = new Map<string, Promise<Pipeline>>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** How many there are. */
  get size(): number {
    return this.#made.size;
  }

  get(kernel: Kernel): Promise<Pipeline> {
    const key = `${kernel.bindings.join()} ${kernel.wgsl}`;
    const made = this.#made.get(key) ?? this.#make(kernel);
    this.#made.set(key, made);
    return made;
  }

  #make({ label, wgsl, bindings }: Kernel): Promise<Pipeline> {
    const { device } = this.#gpu;
    return this.#gpu.checked(`the shader ${label}`, async () => {
      const entries = bindings.map((kind, binding) => ({ binding, visibility: COMPUTE, buffer: { type: BUFFER_TYPE[kind] } }));
      const layout = device.createBindGroupLayout({ entries });
      const module = device.createShaderModule({ code: wgsl });
      const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
      try {
        const pipeline = await device.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint: "main" } });
        return { pipeline, layout };
      } catch (cause) {
        const { messages } = await module.getCompilationInfo();
        const wrong = messages.find(({ type }) => type === "error");
        throw wrong ? gpuFailure("failed", `the shader ${label}, line ${wrong.lineNum}: ${wrong.message}`, cause) : cause;
      }
    });
  }
}

/** Makes a buffer with a content, if it has one. */
export function bufferOf(device: GPUDevice, size: number, usage: GPUBufferUsageFlags, content?: AllowSharedBufferSource): GPUBuffer {
  const buffer = device.createBuffer({ size: Math.max(16, Math.ceil(size / 4) * 4), usage });
  if (content && content.byteLength > 0) device.queue.writeBuffer(buffer, 0, content);
  return buffer;
}

/** What is dispatched. */
type Step = readonly [pipeline: GPUComputePipeline, group: GPUBindGroup, workgroups: readonly [number, number, number]];

/** The buffers of a plan by its places, and those that are written and read. */
interface Memory {
  own: GPUBuffer[];
  input: GPUBuffer;
  output: GPUBuffer;
  reading: GPUBuffer;
}

/** A plan that can be run. */
export class Runner {
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #steps: readonly Step[];
  /** Values of the output. */
  readonly #length: number;

  private constructor(gpu: Gpu, memory: Memory, steps: readonly Step[], length: number) {
    this.#gpu = gpu;
    this.#memory = memory;
    this.#steps = steps;
    this.#length = length;
  }

  /** Dispatches of a pass. */
  get dispatches(): number {
    return this.#steps.length;
  }

  /**
   * Makes all that a plan needs.
   *
   * @param weights the buffers of the weights, by their tensors' names
   */
  static async make(gpu: Gpu, pipelines: Pipelines, plan: Plan, weights: ReadonlyMap<string, GPUBuffer>): Promise<Runner> {
    const made = await Promise.all(plan.kernels.map((kernel) => pipelines.get(kernel)));
    const { device } = gpu;
    return gpu.checked("the buffers", () => {
      const own: GPUBuffer[] = [];
      const make = (size: number, usage: GPUBufferUsageFlags, content?: AllowSharedBufferSource): GPUBuffer => {
        const buffer = bufferOf(device, size, usage, content);
        own.push(buffer);
        return buffer;
      };
      let input = undefined as GPUBuffer | undefined;
      let output = undefined as GPUBuffer | undefined;
      const buffers = plan.buffers.map(({ size, role, weight, values }): GPUBuffer | undefined => {
        switch (role) {
          case "weight":
            return weights.get(weight ?? "");
          case "constants":
            return make(size, STORAGE | COPY_DST, values as Float32Array<ArrayBuffer>);
          case "input":
            return (input = make(size, STORAGE | COPY_DST));
          case "output":
            return (output = make(size, STORAGE | COPY_SRC));
          case "scratch":
            return make(size, STORAGE);
        }
      });
      const uniforms = make(plan.uniforms.byteLength, UNIFORM | COPY_DST, plan.uniforms as Uint8Array<ArrayBuffer>);
      const steps = plan.steps.map(({ kernel, buffers: used, uniform, workgroups }): Step => {
        const [{ pipeline, layout }, { bindings }] = [there(made[kernel]), there(plan.kernels[kernel])];
        const places = used.values();
        const entries = bindings.map((kind, binding): GPUBindGroupEntry => {
          if (kind === "uniform") return { binding, resource: { buffer: uniforms, offset: uniform, size: UNIFORM_BYTES } };
          return { binding, resource: { buffer: there(buffers[there(places.next().value)]) } };
        });
        return [pipeline, device.createBindGroup({ layout, entries }), workgroups];
      });
      const reading = make(there(output).size, COPY_DST | MAP_READ);
      const memory = { own, input: there(input), output: there(output), reading };
      return new Runner(gpu, memory, steps, plan.outputLength);
    });
  }

  /** Runs a pass: parts of the input, one after the other, become the output. One at a time. */
  run(parts: readonly Float32Array[]): Promise<Float32Array<ArrayBuffer>> {
    const { device } = this.#gpu;
    const { input, output, reading } = this.#memory;
    return this.#gpu.checked("a pass", async () => {
      let at = 0;
      for (const part of parts) {
        device.queue.writeBuffer(input, at, part as Float32Array<ArrayBuffer>);
        at += part.byteLength;
      }
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      let last: GPUComputePipeline | undefined;
      for (const [pipeline, group, workgroups] of this.#steps) {
        if (pipeline !== last) pass.setPipeline((last = pipeline));
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      }
      pass.end();
      encoder.copyBufferToBuffer(output, 0, reading, 0, output.size);
      device.queue.submit([encoder.finish()]);
      return (await this.#gpu.read(reading)).subarray(0, this.#length);
    }, true);
  }

  /** Lets go of its buffers; those of the weights are others'. */
  free(): void {
    for (const buffer of this.#memory.own) buffer.destroy();
  }
}

/** What a plan says that there is. */
function there<T>(value: T | undefined): T {
  if (value === undefined) throw gpuFailure("failed", "A plan without a part that it names");
  return value;
}
