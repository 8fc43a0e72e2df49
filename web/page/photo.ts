/**
 * What an application has at hand -> what travels to the worker, taken at the moment of the call: what the caller does to
 * a buffer, a canvas or a video afterward changes nothing. Files travel as they are and are decoded in the worker;
 * what only the page can see (elements) is captured as an ImageBitmap, whose pixels are read in the worker as well.
 */

import { AS_STORED } from "../shared/bitmaps.js";
import { ClipVisionError, invalid } from "../shared/errors.js";
import { checkStatus, shortUrl } from "../shared/files.js";
import { platform } from "../shared/platform.js";
import type { RawPixels, WirePhoto } from "../shared/protocol.js";
import { checkSize, sizeOf } from "../shared/sizes.js";
import { absoluteUrl, bytesOf, copied, isBlob, isBuffer, isUrl, tagOf } from "../shared/values.js";
import { onDemand } from "./on_demand.js";
import { checkSvgWanted, isSvg, isSvgBlob, isSvgUrl } from "./svg.js";

/**
 * A photo:
 *
 * - an encoded file (JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, and what the browser decodes besides, such as AVIF; SVG with the
 *   option `svg`): a URL (a string is relative to the page), a Blob or File, a Response, an ArrayBuffer or a view of one;
 * - what the browser has decoded or drawn: `<img>` (waited for if it is still loading), `<canvas>`, OffscreenCanvas,
 *   `<video>` (the current frame), VideoFrame, ImageBitmap, ImageData;
 * - raw pixels.
 *
 * Files give Python's values exactly (lossless formats) or nearly (JPEG); the browser's own decoders differ slightly.
 */
export type PhotoSource =
  | string
  | URL
  | Blob
  | Response
  | ArrayBuffer
  | ArrayBufferView
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | RawPixels;

/** What the browser has to read the pixels of. */
const DRAWN: ReadonlySet<string> = new Set(["ImageBitmap", "HTMLImageElement", "HTMLVideoElement", "HTMLCanvasElement", "OffscreenCanvas"]);

/** A photo ready to be posted, and the objects that move with it. */
export interface PackedPhoto {
  photo: WirePhoto;
  transfer: Transferable[];
}

/** How a photo is packed. */
export interface Packing {
  /** Whether its buffer, ImageBitmap or VideoFrame may move to the worker, instead of a copy. Default `false`. */
  transfer?: boolean;
  /** Whether SVG is drawn. Default `false`. */
  svg?: boolean;
  /** The most pixels that it may have. */
  maxPixels?: number | undefined;
  /** Reads an SVG at an address, in the way that the application wants its addresses read. */
  read: (url: string) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Packs a photo. What can change after the call is captured before this function first waits; what is too large is refused
 * before it is captured.
 *
 * @param source what the application gave
 */
export async function packPhoto(source: PhotoSource, { transfer = false, svg = false, maxPixels, read }: Packing): Promise<PackedPhoto> {
  if (typeof source === "string" || isUrl(source)) {
    const url = photoUrl(source);
    if (!isSvgUrl(url)) return { photo: { kind: "url", url }, transfer: [] };
    checkSvgWanted(svg);
    return packBitmap(read(url).then((bytes) => drawnSvg(new Blob([bytes]), `at ${shortUrl(url)}`, maxPixels)));
  }
  if (tagOf(source) === "Response") return packPhoto(await bodyOf(source as Response), { transfer, svg, maxPixels, read });
  if (isBlob(source)) {
    const blob = await (platform()?.ownBlob(source) ?? source);
    if (!(await isSvgBlob(blob))) return { photo: { kind: "blob", blob }, transfer: [] };
    checkSvgWanted(svg);
    return packBitmap(drawnSvg(blob, "", maxPixels));
  }
  if (isBuffer(source)) {
    const given = attached(source);
    if (isSvg(given)) {
      checkSvgWanted(svg);
      return packBitmap(drawnSvg(new Blob([copied(given)]), "", maxPixels));
    }
    const bytes = owned(given, transfer);
    return { photo: { kind: "encoded", bytes }, transfer: [bytes.buffer] };
  }
  const tag = tagOf(source);
  if (DRAWN.has(tag) && typeof createImageBitmap !== "function") {
    const advice = "give the photo's file: a Blob, bytes, its address, in Node its path";
    throw new ClipVisionError("unsupported-browser", `Nothing here reads the pixels of ${tag}: there are no bitmaps outside browsers; ${advice}`);
  }
  switch (tag) {
    case "ImageData":
      return packPixels({ ...sizeOf(source as ImageData), data: (source as ImageData).data, channels: 4 }, transfer, maxPixels);
    case "ImageBitmap": {
      const bitmap = source as ImageBitmap;
      if (bitmap.width === 0) throw invalid("The ImageBitmap is closed");
      checkSize(bitmap, maxPixels);
      return transfer ? { photo: { kind: "bitmap", bitmap }, transfer: [bitmap] } : packBitmap(createImageBitmap(bitmap, AS_STORED));
    }
    case "VideoFrame": {
      const given = source as VideoFrame;
      if (given.displayWidth === 0) throw invalid("The VideoFrame is closed");
      checkSize(given, maxPixels);
      const frame = transfer ? given : given.clone(); // a second reference to the same pixels
      return { photo: { kind: "frame", frame }, transfer: [frame as unknown as Transferable] };
    }
    case "HTMLImageElement":
      return packBitmap(captureImage(source as HTMLImageElement, maxPixels));
    case "HTMLVideoElement":
      return packBitmap(captureVideo(source as HTMLVideoElement, maxPixels));
    case "HTMLCanvasElement":
    case "OffscreenCanvas":
      return packBitmap(captureCanvas(source as HTMLCanvasElement | OffscreenCanvas, maxPixels));
  }
  if (typeof source === "object" && source !== null && "data" in source) return packPixels(source as RawPixels, transfer, maxPixels);
  throw invalid(`A photo must be a URL, a Blob, a Response, bytes, pixels, an image, canvas or video element, an ImageBitmap or a VideoFrame, not ${tagOf(source)}`);
}

async function drawnSvg(file: Blob, name: string, maxPixels: number | undefined): Promise<ImageBitmap> {
  return (await onDemand()).drawnSvg(file, name, maxPixels);
}

/** Gives back what a photo holds that was never posted: bitmaps and frames are the browser's memory, not JavaScript's. */
export function discardPhoto({ photo }: PackedPhoto): void {
  if (photo.kind === "bitmap") photo.bitmap.close();
  if (photo.kind === "frame") photo.frame.close();
}

const photoUrl = (source: string | URL): string => absoluteUrl(source, (text) => `"${shortUrl(text)}" is not a URL`).href;

/** The bytes of a buffer that has not been transferred away. */
function attached(source: ArrayBufferLike | ArrayBufferView): Uint8Array {
  try {
    return bytesOf(source);
  } catch (cause) {
    throw invalid("The photo's buffer is detached: it was transferred before", cause);
  }
}

/** Bytes that may be transferred: a copy, or the caller's own where that was allowed and is possible. */
function owned(bytes: Uint8Array | Uint8ClampedArray, transfer: boolean): Uint8Array<ArrayBuffer> {
  if (!transfer || tagOf(bytes.buffer) !== "ArrayBuffer") return copied(bytes);
  return bytesOf(bytes) as Uint8Array<ArrayBuffer>;
}

async function packPixels(pixels: RawPixels, transfer: boolean, maxPixels: number | undefined): Promise<PackedPhoto> {
  const { data, width, height, channels } = pixels;
  if (!arePixels(pixels)) throw await onDemand().then(({ wrongPixels }) => wrongPixels(pixels), () => invalid("The pixels are not what they say"));
  checkSize(pixels, maxPixels, channels);
  const own = owned(data, transfer);
  return { photo: { kind: "pixels", data: own, width, height, channels }, transfer: [own.buffer] };
}

/** Whether raw pixels are what they say; `wrong_pixels.ts` says what is wrong. */
export const arePixels = ({ data, width, height, channels }: RawPixels): boolean =>
  ["Uint8Array", "Uint8ClampedArray"].includes(tagOf(data)) &&
  [1, 3, 4].includes(channels) &&
  [width, height].every((edge) => Number.isSafeInteger(edge) && edge > 0) &&
  data.length === width * height * channels;

/** What a server answered with. */
async function bodyOf(response: Response): Promise<Blob> {
  if (response.bodyUsed) throw invalid("The Response has been read before");
  checkStatus(response, response.url);
  try {
    return await response.blob();
  } catch (cause) {
    throw new ClipVisionError("fetch", `${shortUrl(response.url)} broke off`, { cause });
  }
}

async function packBitmap(capture: Promise<ImageBitmap>): Promise<PackedPhoto> {
  const bitmap = await capture;
  return { photo: { kind: "bitmap", bitmap }, transfer: [bitmap] };
}

async function captureImage(image: HTMLImageElement, maxPixels: number | undefined): Promise<ImageBitmap> {
  const inPicture = image.parentElement?.tagName === "PICTURE";
  if (!image.src && !image.srcset && !inPicture) throw invalid("The <img> has no src");
  const failure = (what: string) => (cause: unknown) => {
    const address = shortUrl(image.currentSrc || image.src || image.srcset);
    throw new ClipVisionError("decode", `The browser ${what} the <img> of ${address}`, { cause });
  };
  checkSize(image, maxPixels); // which is 0 x 0 until it has been loaded
  // One that is out of sight would be waited for until somebody scrolls there.
  const deferred = image.loading === "lazy" && !image.complete;
  if (deferred) image.loading = "eager";
  await image.decode().catch(failure("could not load or decode"));
  if (deferred) image.loading = "lazy";
  checkSize(image, maxPixels);
  return createImageBitmap(image, AS_STORED).catch(failure("gives no pixels of"));
}

const VIDEO_TRIES = 20;

async function captureVideo(video: HTMLVideoElement, maxPixels: number | undefined): Promise<ImageBitmap> {
  if (video.readyState < video.HAVE_CURRENT_DATA) {
    throw invalid("The <video> has no frame yet: wait for its 'loadeddata' event");
  }
  checkSize(video, maxPixels);
  // Chromium says that there is a frame of a camera some moments before it gives one.
  for (let tries = 1; ; tries += 1) {
    try {
      return await createImageBitmap(video);
    } catch (cause) {
      if (tries === VIDEO_TRIES) throw new ClipVisionError("decode", "The browser gives no pixels of the <video>", { cause });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function captureCanvas(canvas: HTMLCanvasElement | OffscreenCanvas, maxPixels: number | undefined): Promise<ImageBitmap> {
  if (canvas.width === 0 || canvas.height === 0) throw invalid(`The canvas is empty: ${canvas.width} x ${canvas.height}`);
  checkSize(canvas, maxPixels);
  return createImageBitmap(canvas).catch((cause: unknown) => {
    throw invalid("The browser gives no pixels of the canvas", cause);
  });
}
