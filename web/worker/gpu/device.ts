/**
 * A GPU by way of WebGPU, on which every failure is heard: what WebGPU calls an error is silent, and gives zeros.
 *
 * Nothing here throws anything but a GPU's failure (or the reason of an abort): whoever asked computes in WebAssembly then.
 */

import { messageOf } from "../../shared/errors.js";
import { gpuFailure, isGpuFailure, type GpuFailure } from "../../shared/gpu_failure.js";
import type { GpuRefusal } from "../../shared/protocol.js";
import { OPENING, nameOf, within, type AdapterName } from "./adapter.js";
import { FOR_READING } from "./constants.js";

/** Milliseconds after which work counts as hung. Software in a GPU's place takes half a minute for a pass of a large model, and so may a driver for all shaders. */
const HUNG = 180_000;
/** The same of a pass on hardware. */
const HUNG_PASS = 30_000;

/** Milliseconds for a reason of what was interrupted. */
const REASON = 100;

/** The errors that a scope catches; each wants a scope of its own. */
const FILTERS: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

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
  static async open(adapter: GPUAdapter): Promise<Gpu> {
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const asked = adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    try {
      return new Gpu(nameOf(adapter), await within(OPENING, "The GPU", asked));
    } catch (cause) {
      asked.then((late) => late.destroy(), () => undefined);
      throw isGpuFailure(cause) ? cause : gpuFailure("failed", `The GPU does not open: ${messageOf(cause)}`, cause);
    }
  }

  /** The failure, once there was one. */
  get failure(): GpuFailure | undefined {
    return this.#failing.signal.aborted ? (this.#failing.signal.reason as GpuFailure) : undefined;
  }

  /** Says that it failed: the failure, or the one before it. */
  fail(why: GpuRefusal, message: string): GpuFailure {
    this.#failing.abort(gpuFailure(why, message));
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
   * @param isPass whether it is a pass, which ends sooner than what is made for one
   * @throws a GPU's failure
   */
  async checked<T>(what: string, work: () => T | Promise<T>, isPass = false): Promise<T> {
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
        for (const error of errors) error.catch(() => undefined); // of a lost device: the work's own failure says it
      }
      const value = await result;
      for (const error of await Promise.all(errors)) if (error) throw gpuFailure(reasonOf(error), `${what}: ${error.message}`);
      return value;
    };
    try {
      return await within(isPass && !this.name.isFallback ? HUNG_PASS : HUNG, `The GPU (${what})`, Promise.race([failed, run()]));
    } catch (cause) {
      // What a loss interrupts may be heard of before the loss.
      if (!this.failure) await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, REASON))]);
      const failure = this.failure ?? (isGpuFailure(cause) ? cause : gpuFailure("failed", `${what}: ${messageOf(cause)}`, cause));
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
