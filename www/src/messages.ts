/** Errors as sentences that a person can act on; the package's own message stays available as the detail. */

import { ClipVisionError, type ClipVisionErrorCode } from "clip-vision";

/** A sentence for everybody, and the exact message for who wants to know. */
export interface Complaint {
  sentence: string;
  detail: string;
}

const READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF and ICO can be read";

const BROKEN_ENGINE = "The engine stopped unexpectedly. The next photo starts a new one";

type Sentences = Partial<Record<ClipVisionErrorCode, string>>;

const PHOTO: Sentences = {
  "decode": "This photo is damaged or cut short, so it can't be decoded.",
  "unsupported-format": `This is not a photo that can be read here. ${READABLE}.`,
  "too-large": "This photo is larger than the page accepts.",
  "fetch": "This file could not be read from the disk. It may have been moved or changed since it was chosen.",
  "out-of-memory": "There was not enough memory for this photo. Closing other tabs may help.",
  "worker-crashed": `${BROKEN_ENGINE}.`,
  "closed": "The model was closed before this photo's turn came.",
  "compute": "The model could not compute an embedding of this photo.",
};

const MODEL: Sentences = {
  "fetch": "could not be downloaded. Check its name and the connection.",
  "integrity": "arrived with different content than was asked for.",
  "config": "is not a CLIP model that can be run here: its configuration was not understood.",
  "weights": "can't be used: its weights are damaged, incomplete or of another model.",
  "too-large": "is larger than the page accepts.",
  "out-of-memory": "does not fit into this browser's memory. Closing other tabs may help.",
  "worker-crashed": "could not be loaded: the engine stopped unexpectedly. Trying again starts a new one.",
  "unsupported-browser": "can't run in this browser, which lacks WebAssembly SIMD or module workers.",
  "invalid-argument": "is not the name or the address of a model.",
};

const WORDS: Sentences = {
  "invalid-argument": "This model knows photos only: its files have no text tower.",
  "config": "This model has no tokenizer, so it can't read words. tokenizer.json is missing among its files.",
  "fetch": "The files that texts need could not be downloaded. Check the connection.",
  "weights": "The model's text weights are damaged or incomplete.",
  "out-of-memory": "There was not enough memory for the model's text tower. Closing other tabs may help.",
  "worker-crashed": "The engine stopped unexpectedly. Trying again starts a new one.",
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What to say about a photo that could not be embedded; its name stands beside it. */
export function photoComplaint(error: unknown): Complaint {
  const known = error instanceof ClipVisionError ? PHOTO[error.code] : undefined;
  return { sentence: known ?? "This photo could not be embedded.", detail: messageOf(error) };
}

/** What to say about a model that could not be loaded. */
export function modelComplaint(error: unknown, model: string): Complaint {
  const known = error instanceof ClipVisionError ? MODEL[error.code] : undefined;
  return { sentence: `\u201c${model}\u201d ${known ?? "could not be loaded."}`, detail: messageOf(error) };
}

/** What to say about words that the model could not read. */
export function wordsComplaint(error: unknown): Complaint {
  const known = error instanceof ClipVisionError ? WORDS[error.code] : undefined;
  return { sentence: known ?? "The model could not read these words.", detail: messageOf(error) };
}
