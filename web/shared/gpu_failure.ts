/** What is thrown where a GPU is not to be used, or no longer. Known by its name, since scripts of their own throw it. */

import type { GpuRefusal } from "./protocol.js";

/** Why a GPU is not used, or no longer. */
export interface GpuFailure extends Error {
  readonly why: GpuRefusal;
}

const NAME = "GpuFailure";

export const isGpuFailure = (thrown: unknown): thrown is GpuFailure => thrown instanceof Error && thrown.name === NAME;

export const gpuFailure = (why: GpuRefusal, message: string, cause?: unknown): GpuFailure =>
  Object.assign(new Error(message, { cause }), { name: NAME, why });
