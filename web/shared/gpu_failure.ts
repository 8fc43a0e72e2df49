/** Whether something that was thrown says that a GPU is not to be used, or no longer. By its name: it is thrown by a script of its own. */

import type { GpuRefusal } from "./protocol.js";

/** Why a GPU is not used, or no longer. */
export interface GpuFailureLike extends Error {
  readonly why: GpuRefusal;
}

/** The name of the class. */
export const GPU_FAILURE = "GpuFailure";

export const isGpuFailure = (thrown: unknown): thrown is GpuFailureLike => thrown instanceof Error && thrown.name === GPU_FAILURE;

/** The failure of a GPU that was never asked. */
export const gpuFailure = (why: GpuRefusal, message: string, cause?: unknown): GpuFailureLike =>
  Object.assign(new Error(message, { cause }), { name: GPU_FAILURE, why });
