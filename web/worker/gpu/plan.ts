/**
 * Runs what Rust has planned: shaders, buffers and steps, as plain data, become pipelines, buffers and bind groups once, and then
 * each pass is one submit and one read.
 */

import { COMPUTE, COPY_DST, COPY_SRC, MAP_READ, STORAGE, UNIFORM } from "./constants.js";
import { GpuFailure, type Gpu } from "./device.js";

/** A buffer of a plan. */
export interface PlanBuffer {
  bytes: number;
  /** What it holds: that of the weights of this number; the content that is given; what goes in, comes out, or is between steps. */
  holds: { weights: number } | { content: Uint8Array } | "input" | "output" | "between";
}

/** How a shader sees a buffer. */
export type Access = "read" | "write" | "uniform";

/** A shader: binding n of its only group is as `bindings[n]` says. */
export interface PlanKernel {
  name: string;
  wgsl: string;
  bindings: Access[];
}

/** A dispatch: of which kernel, on which buffers, binding by binding, and of how many workgroups. */
export interface PlanStep {
  kernel: number;
  buffers: number[];
  workgroups: [number, number, number];
}

/** A pass over a number of photos or texts. */
export interface Plan {
  kernels: PlanKernel[];
  buffers: PlanBuffer[];
  steps: PlanStep[];
}

const BUFFER_TYPE: Record<Access, GPUBufferBindingType> = { read: "read-only-storage", write: "storage", uniform: "uniform" };

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

  get(kernel: PlanKernel): Promise<Pipeline> {
    const key = `${kernel.bindings.join()} ${kernel.wgsl}`;
    const made = this.#made.get(key) ?? this.#make(kernel);
    this.#made.set(key, made);
    return made;
  }

  #make({ name, wgsl, bindings }: PlanKernel): Promise<Pipeline> {
    const { device } = this.#gpu;
    return this.#gpu.checked(`the shader ${name}`, async () => {
      const entries = bindings.map((access, binding) => ({ binding, visibility: COMPUTE, buffer: { type: BUFFER_TYPE[access] } }));
      const layout = device.createBindGroupLayout({ entries });
      const module = device.createShaderModule({ code: wgsl });
      const pipeline = await device.createComputePipelineAsync({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module, entryPoint: "main" } });
      return { pipeline, layout };
    });
  }
}

/** Makes a buffer with a content, of at least one vec4. */
export function bufferOf(device: GPUDevice, bytes: number, usage: GPUBufferUsageFlags, content?: Uint8Array): GPUBuffer {
  const buffer = device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 4) * 4), usage });
  if (content && content.byteLength > 0) device.queue.writeBuffer(buffer, 0, content as Uint8Array<ArrayBuffer>);
  return buffer;
}

/** A plan that can be run. */
export class Runner {
  /** Dispatches of a pass. */
  readonly dispatches: number;
  readonly #gpu: Gpu;
  readonly #own: GPUBuffer[];
  readonly #input: GPUBuffer;
  readonly #output: GPUBuffer;
  readonly #reading: GPUBuffer;
  readonly #steps: [GPUComputePipeline, GPUBindGroup, [number, number, number]][];

  private constructor(gpu: Gpu, own: GPUBuffer[], input: GPUBuffer, output: GPUBuffer, reading: GPUBuffer, steps: [GPUComputePipeline, GPUBindGroup, [number, number, number]][]) {
    this.#gpu = gpu;
    this.#own = own;
    this.#input = input;
    this.#output = output;
    this.#reading = reading;
    this.#steps = steps;
    this.dispatches = steps.length;
  }

  /**
   * Makes all that a plan needs.
   *
   * @param weights the buffers of the weights, by their numbers
   */
  static async make(gpu: Gpu, pipelines: Pipelines, plan: Plan, weights: readonly GPUBuffer[]): Promise<Runner> {
    const made = await Promise.all(plan.kernels.map((kernel) => pipelines.get(kernel)));
    const { device } = gpu;
    return gpu.checked("buffers", () => {
      const uniform = new Set(plan.steps.flatMap(({ kernel, buffers }) => buffers.filter((_, at) => plan.kernels[kernel]?.bindings[at] === "uniform")));
      const own: GPUBuffer[] = [];
      let input = undefined as GPUBuffer | undefined;
      let output = undefined as GPUBuffer | undefined;
      const make = (bytes: number, usage: GPUBufferUsageFlags, content?: Uint8Array): GPUBuffer => {
        const buffer = bufferOf(device, bytes, usage, content);
        own.push(buffer);
        return buffer;
      };
      const buffers = plan.buffers.map(({ bytes, holds }, at): GPUBuffer | undefined => {
        if (holds === "input") return (input = make(bytes, STORAGE | COPY_DST));
        if (holds === "output") return (output = make(bytes, STORAGE | COPY_SRC));
        if (holds === "between") return make(bytes, STORAGE);
        if ("weights" in holds) return weights[holds.weights];
        return make(bytes, (uniform.has(at) ? UNIFORM : STORAGE) | COPY_DST, holds.content);
      });
      const steps = plan.steps.map((step): [GPUComputePipeline, GPUBindGroup, [number, number, number]] => {
        const kernel = made[step.kernel];
        if (!kernel) throw new GpuFailure("failed", "A step without a kernel");
        const entries = step.buffers.map((at, binding) => {
          const buffer = buffers[at];
          if (!buffer) throw new GpuFailure("failed", "A step without a buffer");
          return { binding, resource: { buffer } };
        });
        return [kernel.pipeline, device.createBindGroup({ layout: kernel.layout, entries }), step.workgroups];
      });
      if (!input || !output) throw new GpuFailure("failed", "A plan without input or output");
      const reading = make(output.size, COPY_DST | MAP_READ);
      return new Runner(gpu, own, input, output, reading, steps);
    });
  }

  /** Runs a pass: parts of the input, one after the other, become the output. One at a time. */
  run(input: readonly Float32Array[]): Promise<Float32Array<ArrayBuffer>> {
    const { device } = this.#gpu;
    return this.#gpu.checked("a pass", () => {
      let at = 0;
      for (const part of input) {
        device.queue.writeBuffer(this.#input, at, part as Float32Array<ArrayBuffer>);
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
      encoder.copyBufferToBuffer(this.#output, 0, this.#reading, 0, this.#output.size);
      device.queue.submit([encoder.finish()]);
      return this.#gpu.read(this.#reading);
    });
  }

  /** Lets go of its buffers; those of the weights are others'. */
  free(): void {
    for (const buffer of this.#own) buffer.destroy();
  }
}
