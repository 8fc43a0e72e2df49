/**
 * How a photo becomes what the model sees: read from wherever it is, and decoded by the application if it is of a type that
 * this has a decoder for; then decoded and preprocessed in Rust. The browser decodes what Rust can't, or what it was asked to.
 */

import { ClipVisionError, isCoded } from "../shared/errors.js";
import type {
  EmbeddingDetails,
  LoadWarning,
  Timings,
  WireDecoding,
  WireOpacity,
  WirePhoto,
  WirePixels,
} from "../shared/protocol.js";
import { readPhoto, type Network } from "../shared/remote_file.js";
import { checkSize, MAX_BYTES, sizeOf } from "../shared/sizes.js";
import { BlobSource, checkBytes, readAll } from "../shared/sources.js";
import { EngineCrash, guarded, type Engine, type EngineModel, type EnginePhoto, type EnginePrepared } from "./engine.js";
import type { ApplicationPhotos } from "./application.js";
import type { BrowserPixels } from "./pixels.js";
import type { Seldom } from "./seldom.js";

/** What photos need of the browser. */
export interface PhotoHost {
  /** Gets what few photos need: those that Rust does not decode, or an application does. */
  seldom(): Promise<Seldom>;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** What prepares photos: a model, or what does only that. */
export type PhotoModel = Pick<EngineModel, "prepare">;

/** What they need of the dispatcher. */
export interface PhotoContext {
  host: PhotoHost;
  network: Network;
  engine: Engine;
  model: PhotoModel;
  /** Width and height that the model wants. */
  imageSize: number;
  /** Where the application decodes photos. */
  application: ApplicationPhotos | undefined;
  /** The most bytes and pixels of a photo's file. */
  maxBytes: number | undefined;
  maxPixels: number | undefined;
  warn(warning: LoadWarning): void;
}

/** How many times the model's size the shorter edge of a photo keeps at least that is decoded fast. */
const REDUCING_GAP = 2;

/** A file that has been read. */
export type EncodedPhoto = { kind: "encoded"; bytes: Uint8Array; type: string } & WireDecoding & WireOpacity;

/** A photo that has been read: a file, pixels, or what only the browser can read. */
export type ReadPhoto = WireOpacity &
  (
    | EncodedPhoto
    | (WirePixels & {
        /** Milliseconds that the application's decoder took. */
        decoded?: number;
      })
    | Extract<WirePhoto, { kind: "bitmap" | "frame" }>
  );

/**
 * A file of a type that the application decodes. It waits for that apart from other photos, as a Blob where it can: whose
 * bytes need not be in memory.
 */
export interface ForeignPhoto {
  kind: "foreign";
  /** Works with what the application makes of it, when its turn has come. */
  decoded<T>(signal: AbortSignal, work: (photo: ReadPhoto) => Promise<T>): Promise<T>;
}

/** A photo in the engine, and how it was read. */
export type Prepared = { prepared: EnginePrepared } & Pick<EmbeddingDetails, "decoder" | "width" | "height" | "noisy"> &
  Pick<Timings, "decode" | "preprocess">;

/** The photos of one model. */
export class Photos {
  readonly #context: PhotoContext;
  readonly #maxBytes: number;
  /** The page knows that pixels are falsified. */
  #warned = false;

  constructor(context: PhotoContext) {
    this.#context = context;
    this.#maxBytes = context.maxBytes ?? MAX_BYTES;
  }

  get engine(): Engine {
    return this.#context.engine;
  }

  /** Reads a photo. What is over a limit is refused before that, let alone copied into the engine's memory. */
  async read(photo: WirePhoto, signal: AbortSignal): Promise<ReadPhoto | ForeignPhoto> {
    const { maxPixels } = this.#context;
    switch (photo.kind) {
      case "url": {
        const bytes = await readPhoto(photo.url, this.#context.network, signal, this.#maxBytes);
        return this.#whose({ ...photo, kind: "encoded", bytes, type: "" }, () => new Blob([bytes]));
      }
      case "blob": {
        const { blob } = photo;
        const bytes = await this.#bytesOf(blob, signal);
        return this.#whose({ ...photo, kind: "encoded", bytes, type: blob.type }, () => blob);
      }
      case "encoded":
        checkBytes(photo.bytes.byteLength, this.#maxBytes);
        return this.#whose({ ...photo, type: "" }, () => photo.bytes);
      case "bitmap":
        checkSize(photo.bitmap, maxPixels);
        return photo;
      case "frame":
        checkSize(photo.frame, maxPixels);
        return photo;
      case "pixels":
        checkSize(photo, maxPixels, photo.channels);
        return photo;
    }
  }

  #bytesOf(blob: Blob, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const name = "name" in blob && typeof blob.name === "string" ? blob.name : "photo";
    return readAll(new BlobSource(blob, name), signal, this.#maxBytes);
  }

  /** A file, or what is kept of it where the application decodes its type. */
  #whose(photo: EncodedPhoto, keep: () => Blob | Uint8Array): ReadPhoto | ForeignPhoto {
    return this.#context.application?.foreign(photo, keep) ?? photo;
  }

  /** Decodes and preprocesses a photo. */
  async prepare(photo: ReadPhoto): Promise<Prepared> {
    const { engine, model, host, imageSize, maxPixels } = this.#context;
    const opacity: WireOpacity = photo.background ? { background: photo.background } : {};
    const start = host.now();
    const inRust = (given: EnginePhoto, by?: { decoder: "browser" | "application"; decode: number }): Prepared => {
      const prepared = guarded(engine, () => model.prepare(given));
      const reading = guarded(engine, () => prepared.reading());
      return { prepared, ...reading, ...(by && { decoder: by.decoder, decode: reading.decode + by.decode }) };
    };
    const inBrowser = ({ pixels, noisy }: BrowserPixels): Prepared => {
      const prepared = inRust({ ...pixels, ...opacity }, { decoder: "browser", decode: host.now() - start });
      if (noisy && !this.#warned) this.#context.warn({ code: "canvas-noise", message: noisy });
      this.#warned ||= Boolean(noisy);
      return { ...prepared, ...(noisy && { noisy: true }) };
    };
    if (photo.kind === "bitmap") return inBrowser(await (await host.seldom()).readPixels(photo.bitmap));
    if (photo.kind === "frame") return inBrowser(await (await host.seldom()).readPixels(photo.frame));
    if (photo.kind === "pixels") {
      const { decoded, ...pixels } = photo;
      return inRust(pixels, decoded === undefined ? undefined : { decoder: "application", decode: decoded });
    }
    const { bytes, type, decode, decoder } = photo;
    let refusal: unknown = new ClipVisionError("unsupported-format", "The browser does not decode this file");
    if (decoder !== "browser") {
      try {
        return inRust({ kind: "encoded", bytes, ...opacity, ...(decode && { decode }) });
      } catch (error) {
        if (error instanceof EngineCrash) throw crashOfDecoder(error);
        refusal = error;
        if (!isCoded(error) || (error.code !== "unsupported-format" && error.code !== "decode")) throw error;
        // Without a network there is no hint.
        if (error.code === "unsupported-format") refusal = await host.seldom().then(({ perhapsSvg }) => perhapsSvg(error, bytes), () => error);
        if (decoder === "rust") throw refusal;
      }
    }
    const { decodeInBrowser, readPixels } = await host.seldom();
    const edge = decode === "fast" ? REDUCING_GAP * imageSize : undefined;
    const bitmap = await decodeInBrowser(bytes, type, maxPixels);
    if (bitmap === undefined) throw refusal;
    try {
      checkSize(bitmap, maxPixels);
      const size = sizeOf(bitmap);
      return { ...inBrowser(await readPixels(bitmap, edge)), ...size };
    } finally {
      bitmap.close();
    }
  }

}

/** What a photo is told that broke a decoder, and the engine with it: it is that photo's error, as natively. */
function crashOfDecoder(crash: EngineCrash): EngineCrash {
  const { cause } = crash;
  if (cause.code !== "worker-crashed") return crash;
  return new EngineCrash(new ClipVisionError("decode", `The file is broken: its decoder crashed. ${cause.message}`, { cause: cause.cause }));
}
