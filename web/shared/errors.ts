/**
 * The one error class of the package, and its way across a worker's messages.
 *
 * `postMessage` keeps of an error only what structured cloning knows (name, message, perhaps the stack), so an error
 * travels as a plain {@link WireError}: code, stack and the whole chain of causes arrive as they were thrown, but for the
 * secrets of addresses (`redact.ts`), which no error repeats.
 */

import type { GpuRefusal } from "./protocol.js";
import { redacted, redactedStack, withoutSecrets } from "./redact.js";

/** What went wrong, to branch on. The codes are stable; messages are for people and may change. */
export type ClipVisionErrorCode =
  /** The photo, or the file of a collection, is of a known format but broken: truncated, corrupt, contradictory. */
  | "decode"
  /** The bytes are not a photo, or of a format that neither this package nor the browser reads; or not the file of a collection. */
  | "unsupported-format"
  /** The photo is over a limit on bytes or pixels. */
  | "too-large"
  /** A file could not be read: no connection, CORS, an HTTP error, an HTML page where a file should be. */
  | "fetch"
  /** A file is not the one that was asked for: its checksum differs, or it has none, or is not there though it has one. */
  | "integrity"
  /** A JSON file of the model or its tokenizer is missing or malformed, or describes a model that is not CLIP. */
  | "config"
  /** The weights are malformed, cut short, of a wrong shape, not finite, or a tensor is missing. */
  | "weights"
  /** There was not enough memory for the model or the photo. */
  | "out-of-memory"
  /** The worker could not be started, or ended while it had work. The next call starts another one. */
  | "worker-crashed"
  /** `close()` was called. */
  | "closed"
  /** The browser has no module workers, no WebAssembly or no WebAssembly SIMD, or the page's policy forbids them. */
  | "unsupported-browser"
  /** The option `device: "webgpu"` asked for a GPU, and there is none that computes right. */
  | "gpu"
  /** An argument makes no sense: an option of an unknown value, pixels that do not fill their size. */
  | "invalid-argument"
  /** The computation itself failed; a bug of this package. */
  | "compute";

const CODES: ReadonlySet<string> = new Set<ClipVisionErrorCode>([
  "decode",
  "unsupported-format",
  "too-large",
  "fetch",
  "integrity",
  "config",
  "weights",
  "out-of-memory",
  "worker-crashed",
  "closed",
  "unsupported-browser",
  "gpu",
  "invalid-argument",
  "compute",
]);

/** What is known of an error besides its code and its message. */
export interface ErrorDetails {
  /** The error that led to this one. */
  cause?: unknown;
  /** What the server answered. */
  status?: number | undefined;
  /** The address that was asked. */
  url?: string | undefined;
  /** Why no GPU computes. */
  why?: GpuRefusal | undefined;
}

/** Every error of this package, except an abort, which rejects with the signal's own reason. */
export class ClipVisionError extends Error {
  /** What went wrong, to branch on. */
  readonly code: ClipVisionErrorCode;
  /** The HTTP status that a server answered with, if that is what went wrong. */
  declare readonly status?: number;
  /** The address that could not be read, without its query and password. */
  declare readonly url?: string;
  /** Of the code `gpu`: why no GPU computes, in the words of {@link ClipVisionInfo.why}. */
  declare readonly why?: GpuRefusal;

  /**
   * @param code what went wrong
   * @param message what was wrong and where, for a person
   */
  constructor(code: ClipVisionErrorCode, message: string, details: ErrorDetails = {}) {
    super(redacted(message), "cause" in details ? { cause: withoutItsSecrets(details.cause) } : undefined);
    this.code = code;
    const { status, url, why } = details;
    if (status !== undefined) this.status = status;
    if (url !== undefined) this.url = withoutSecrets(url);
    if (why !== undefined) this.why = why;
  }

  static {
    this.prototype.name = "ClipVisionError";
  }
}

/** The error for an argument that makes no sense. */
export const invalid = (message: string, cause?: unknown): ClipVisionError =>
  new ClipVisionError("invalid-argument", message, cause === undefined ? {} : { cause });

/** What was thrown, in words. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** An error as it travels between page and worker. */
export interface WireError {
  name: string;
  message: string;
  code?: ClipVisionErrorCode;
  status?: number;
  url?: string;
  why?: GpuRefusal;
  stack?: string;
  cause?: WireError;
}

const MOST_CAUSES = 8; // a chain that bites its own tail ends here

const textOf = (value: unknown): string => {
  try {
    return String(value);
  } catch {
    return "an unprintable value";
  }
};

const codeOf = (value: object): ClipVisionErrorCode | undefined => {
  const { name, code } = value as { name?: unknown; code?: unknown };
  if (name !== "ClipVisionError" || typeof code !== "string") return undefined;
  return CODES.has(code) ? (code as ClipVisionErrorCode) : "compute";
};

/** Whether `value` is an error of this package, from whichever copy of the class, or from Rust. */
export const isCoded = (value: unknown): value is { code: ClipVisionErrorCode; message: string } =>
  typeof value === "object" && value !== null && codeOf(value) !== undefined;

/** Anything that can be thrown -> a plain object that survives structured cloning. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  if (typeof thrown !== "object" || thrown === null) return { name: "Error", message: redacted(textOf(thrown)) };
  const { name, message, stack, cause } = thrown as Partial<Error>;
  const wire: WireError = {
    name: typeof name === "string" ? name : "Error",
    message: redacted(typeof message === "string" ? message : textOf(thrown)),
  };
  const code = codeOf(thrown);
  if (code !== undefined) wire.code = code;
  const { status, url, why } = thrown as { status?: unknown; url?: unknown; why?: unknown };
  if (code !== undefined && typeof status === "number") wire.status = status;
  if (code !== undefined && typeof url === "string") wire.url = withoutSecrets(url);
  if (code !== undefined && typeof why === "string") wire.why = why as GpuRefusal;
  if (typeof stack === "string") wire.stack = redactedStack(stack, typeof message === "string" ? message : "");
  if (cause !== undefined && depth < MOST_CAUSES) wire.cause = toWireError(cause, depth + 1);
  return wire;
}

/** A cause as it is, or, if addresses with secrets are in it, what {@link toWireError} leaves of it. */
function withoutItsSecrets(cause: unknown): unknown {
  if (typeof cause === "string") return redacted(cause);
  return cause instanceof Error && hasSecrets(cause) ? fromWireError(toWireError(cause)) : cause;
}

function hasSecrets({ message, stack = "", cause }: Error, depth = 0): boolean {
  if (redacted(message) !== message || redactedStack(stack, message) !== stack) return true;
  return cause instanceof Error && depth < MOST_CAUSES && hasSecrets(cause, depth + 1);
}

/** The error that {@link toWireError} was given: a {@link ClipVisionError} if it had a code. */
export function fromWireError(wire: WireError): Error {
  const { status, url, why } = wire;
  const options = wire.cause === undefined ? {} : { cause: fromWireError(wire.cause) };
  const error =
    wire.code === undefined ? new Error(wire.message, options) : new ClipVisionError(wire.code, wire.message, { ...options, status, url, why });
  if (wire.code === undefined && wire.name !== error.name) {
    Object.defineProperty(error, "name", { value: wire.name, configurable: true, writable: true });
  }
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}
