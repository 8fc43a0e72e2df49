/** Which GPU there is, if any. The worker asks that before it fetches `gpu.js`, which most devices without a GPU never do. */

import { messageOf } from "../../shared/errors.js";
import { gpuFailure, isGpuFailure } from "../../shared/gpu_failure.js";

/** Milliseconds for an adapter, and for a device: a driver that starts takes one or two seconds. */
export const OPENING = 5_000;

/** What is known of the adapter, by which a verdict on it is kept. */
export interface AdapterName {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallback: boolean;
}

/** Ends waiting for what may never answer. */
export async function within<T>(milliseconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(gpuFailure("failed", `${what} has not answered for ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The adapter.
 *
 * @param takesFallback whether software in a GPU's place will do
 * @throws a GPU's failure where there is none
 */
export async function findAdapter(takesFallback: boolean): Promise<GPUAdapter> {
  const { gpu } = globalThis.navigator as Partial<Navigator>;
  if (!gpu) throw gpuFailure("no-adapter", "This browser has no WebGPU here");
  let adapter: GPUAdapter | null;
  try {
    adapter = await within(OPENING, "The GPU's adapter", gpu.requestAdapter());
  } catch (cause) {
    throw isGpuFailure(cause) ? cause : gpuFailure("no-adapter", `There is no GPU to be had: ${messageOf(cause)}`, cause);
  }
  if (!adapter) throw gpuFailure("no-adapter", "The browser knows no GPU that it would use");
  if (!takesFallback && nameOf(adapter).isFallback) {
    throw gpuFailure("fallback-adapter", "The browser has software in place of a GPU, which is slower than WebAssembly");
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
