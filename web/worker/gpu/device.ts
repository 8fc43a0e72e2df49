/**
 * A GPU by way of WebGPU, on which every failure is heard: what WebGPU calls an error is silent, and gives zeros.
 *
 * Nothing here throws anything but a {@link GpuFailure} (or the reason of an abort): whoever asked computes in WebAssembly then.
 */

import { messageOf } from "../../shared/errors.js";
import { GPU_FAILURE, type GpuFailureLike } from "../../shared/gpu_failure.js";
import type { GpuRefusal } from "../../shared/protocol.js";
import { FOR_READING } from "./constants.js";

/** Why a GPU is not used, or no longer. */
export class GpuFailure extends Error implements GpuFailureLike {
  readonly why: GpuRefusal;

  constructor(why: GpuRefusal, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = GPU_FAILURE;
    this.why = why;
  }
}

/** Milliseconds for an adapter, and for a device: a driver that starts takes one or two seconds. */
const OPENING = 10_000;
/** Milliseconds after which a pass counts as hung. Software that stands for a GPU takes half a minute for a large model. */
const HUNG = 180_000;

/** Milliseconds for a reason of what was interrupted. */
const REASON = 100;

/** The errors that a scope catches; each wants a scope of its own. */
const FILTERS: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/** What is known of the adapter, by which a verdict on it is kept. */
export interface AdapterName {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallback: boolean;
}

/** Ends waiting for what may never answer. */
async function within<T>(milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new GpuFailure("failed", `${what} has not answered for ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The adapter, unless there is none, or only software in its place and that is not wanted. */
export async function findAdapter(takesFallback: boolean, patience = OPENING): Promise<GPUAdapter> {
  const { gpu } = globalThis.navigator as Partial<Navigator>;
  if (!gpu) throw new GpuFailure("no-adapter", "This browser has no WebGPU here");
  let adapter: GPUAdapter | null;
  try {
    adapter = await within(patience, "The GPU's adapter", gpu.requestAdapter());
  } catch (cause) {
    throw cause instanceof GpuFailure ? cause : new GpuFailure("no-adapter", `There is no GPU to be had: ${messageOf(cause)}`, cause);
  }
  if (!adapter) throw new GpuFailure("no-adapter", "The browser knows no GPU that it would use");
  if (!takesFallback && nameOf(adapter).isFallback) {
    throw new GpuFailure("fallback-adapter", "The browser has software in place of a GPU, which is slower than WebAssembly");
  }
  return adapter;
}

/** What an adapter says of itself. */
export function nameOf(adapter: GPUAdapter): AdapterName {
  // Older browsers have no `info`, or the last of it in the adapter itself.
  const { info, isFallbackAdapter } = adapter as { info?: GPUAdapterInfo; isFallbackAdapter?: boolean };
  const { vendor = "", architecture = "", device = "", description = "" } = info ?? {};
  const isFallback = info?.isFallbackAdapter ?? isFallbackAdapter ?? false;
  return { vendor, architecture, device, description, isFallback };
}

/** An open device. */
export class Gpu {
  readonly name: AdapterName;
  readonly device: GPUDevice;
  /** Aborted with the first failure, after which nothing that the device gives is believed. Each pass listens. */
  readonly #failing = new AbortController();
  /** Firefox asks a GPU only every 100 ms whether it is done, unless something is submitted. */
  readonly #submitsToPoll = /Firefox/.test(globalThis.navigator?.userAgent ?? "");
  readonly #turns = new MessageChannel();

  private constructor(name: AdapterName, device: GPUDevice) {
    this.name = name;
    this.device = device;
    void device.lost.then(({ reason, message }) => this.fail("lost", `The GPU was lost (${reason}): ${message}`));
    device.onuncapturederror = ({ error }) => this.fail(reasonOf(error), `The GPU failed: ${error.message}`);
  }

  /** Opens an adapter's device, with all the memory that it gives. */
  static async open(adapter: GPUAdapter, patience = OPENING): Promise<Gpu> {
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const asked = adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    try {
      return new Gpu(nameOf(adapter), await within(patience, "The GPU", asked));
    } catch (cause) {
      asked.then((late) => late.destroy(), () => undefined);
      throw cause instanceof GpuFailure ? cause : new GpuFailure("failed", `The GPU does not open: ${messageOf(cause)}`, cause);
    }
  }

  /** The failure, once there was one. */
  get failure(): GpuFailure | undefined {
    return this.#failing.signal.aborted ? (this.#failing.signal.reason as GpuFailure) : undefined;
  }

  /** Says that it failed: the failure, or the one before it. */
  fail(why: GpuRefusal, message: string): GpuFailure {
    this.#failing.abort(new GpuFailure(why, message));
    return this.#failing.signal.reason as GpuFailure;
  }

  /** Lets go of it and of all its memory; what is under way fails. */
  close(): void {
    this.fail("lost", "The GPU was closed");
    this.device.destroy();
    this.#turns.port1.close();
  }

  /**
   * What `work` gives, once the device has said that nothing of it was an error. All that makes or submits anything on the device
   * goes through this.
   *
   * @throws {@link GpuFailure}
   */
  async checked<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    this.#failing.signal.throwIfAborted();
    const { device } = this;
    let hear = (): void => undefined;
    const failed = new Promise<never>((_, reject) => (hear = () => reject(this.failure)));
    this.#failing.signal.addEventListener("abort", hear);
    const run = async (): Promise<T> => {
      for (const filter of FILTERS) device.pushErrorScope(filter);
      let result: T | Promise<T>;
      let errors: Promise<GPUError | null>[] = [];
      try {
        result = work(); // up to its first await: that is what scopes are about
      } finally {
        errors = FILTERS.map(() => device.popErrorScope());
      }
      const value = await result;
      for (const error of await Promise.all(errors)) if (error) throw new GpuFailure(reasonOf(error), `${what}: ${error.message}`);
      return value;
    };
    try {
      return await within(HUNG, `The GPU (${what})`, Promise.race([failed, run()]));
    } catch (cause) {
      // What a loss interrupts may be heard of before the loss.
      if (!this.failure) await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, REASON))]);
      const failure = this.failure ?? (cause instanceof GpuFailure ? cause : new GpuFailure("failed", `${what}: ${messageOf(cause)}`, cause));
      this.#failing.abort(failure); // what comes after it is not believed either
      throw failure;
    } finally {
      this.#failing.signal.removeEventListener("abort", hear);
    }
  }

  /** Reads a buffer, once what was submitted has been done. */
  async read(buffer: GPUBuffer): Promise<Float32Array<ArrayBuffer>> {
    let done = false;
    const mapped = buffer.mapAsync(FOR_READING).finally(() => (done = true));
    if (this.#submitsToPoll) {
      mapped.catch(() => undefined);
      while (!done && !this.#failing.signal.aborted) {
        this.device.queue.submit([]);
        await this.#nextTurn();
      }
    }
    await mapped;
    const values = new Float32Array(buffer.getMappedRange().slice(0));
    buffer.unmap();
    return values;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#turns.port1.onmessage = () => resolve();
      this.#turns.port2.postMessage(null);
    });
  }
}

const reasonOf = (error: GPUError): GpuRefusal => (error instanceof GPUOutOfMemoryError ? "out-of-memory" : "failed");
