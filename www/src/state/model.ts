/** The model: which one, how far its download is, and the collection of embeddings that it made. */

import { batch, signal } from "@preact/signals";
import { ClipVision, ClipVisionError, type ClipVisionInfo, type LoadOptions, type LoadProgress } from "clip-vision";
import { Embeddings } from "clip-vision/search";
import { inControl } from "./offline.ts";
import { library } from "./library.ts";
import { type Settings, choose, settings } from "./settings.ts";

/** The address of the model that comes with the page; in the settings it is "". */
const BUNDLED = new URL("./models/shapes/", document.baseURI).href;

export interface Download {
  /** 0 to 1. */
  overall: number;
  /** Bytes a second, and seconds that are left, once they are known. */
  rate?: number;
  left?: number;
  /** It comes from this device. */
  cached: boolean;
}

/** The model in use. Nothing before the first one is there. */
export const clip = signal<ClipVision | undefined>();
/** How it runs here: another one once its GPU has failed. */
export const info = signal<ClipVisionInfo | undefined>();
/** The embeddings of that model, by the photos' numbers. */
export const collection = signal<Embeddings<number> | undefined>();
/** How many of them there are by now. */
export const embedded = signal(0);
export const download = signal<Download | undefined>();
export const modelError = signal<ClipVisionError | undefined>();

/** Embeddings of two models can't be compared, nor should those of two precisions be mixed. */
export const spaceOf = (model: string, precision: string): string => (model ? `${model} ${precision}` : "shapes");

/** What `ClipVision.load` takes for a name in the settings. */
export const modelSource = (model: string): string => model || BUNDLED;

let opening: AbortController | undefined;

type Choice = Pick<Settings, "model" | "precision" | "device">;

/** Loads a model ("" is the bundled one) as it is chosen, and what it has embedded so far; the one in use stays until then. */
export async function useModel(changed: Partial<Choice> = {}): Promise<void> {
  const { model, precision, device }: Choice = { ...settings.value, ...changed };
  opening?.abort();
  const { signal: given } = (opening = new AbortController());
  modelError.value = undefined;
  download.value = { overall: 0, cached: false };
  try {
    await inControl; // the service worker keeps what the model's worker asks for
    const loaded = await ClipVision.load(modelSource(model), optionsFor({ model, precision, device }, given));
    const rows = await collectionOf(spaceOf(model, precision), given).catch((error: unknown) => {
      loaded.close();
      throw error;
    });
    clip.value?.close();
    if (rows !== collection.value) collection.value?.close();
    batch(() => {
      choose({ model, precision, device });
      [clip.value, info.value, collection.value, embedded.value] = [loaded, loaded.info, rows, rows.size];
    });
  } catch (error) {
    if (given.aborted) return;
    const failure = error instanceof ClipVisionError ? error : new ClipVisionError("compute", String(error));
    // A GPU of an earlier visit that is gone: the page begins without it.
    if (failure.code === "gpu" && !clip.value) return useModel({ model, precision, device: "auto" });
    modelError.value = failure;
  }
  if (!given.aborted) download.value = undefined;
}

export const cancelDownload = (): void => {
  opening?.abort();
  download.value = undefined;
};

/** The bundled model computes as Python does; others in 8 bits unless the user wants otherwise. */
const optionsFor = ({ model, precision, device }: Choice, given: AbortSignal): LoadOptions => ({
  precision: model ? precision : "f32",
  device,
  signal: given,
  cache: { persist: Boolean(model) },
  onProgress: progressFrom(performance.now()),
  onWarning: () => (info.value = clip.value?.info),
});

/** Progress with rate and time left, of the weights, which are nearly all of it. */
function progressFrom(begin: number): (progress: LoadProgress) => void {
  return ({ overall, loaded, total, cached }) => {
    const seconds = (performance.now() - begin) / 1000;
    const rate = loaded / seconds;
    const known = seconds > 1 && rate > 0 && total;
    download.value = { overall, cached: Boolean(cached), ...(known && { rate, left: (total - loaded) / rate }) };
  };
}

/** The embeddings in use, if they are of this space, as of a model that another device computes: those that are made meanwhile are among them. */
const collectionOf = async (wanted: string, given: AbortSignal): Promise<Embeddings<number>> =>
  collection.value && wanted === space() ? collection.value : readCollection(wanted, given);

/** The embeddings that are on disk, a thousand at a time. */
async function readCollection(space: string, given: AbortSignal): Promise<Embeddings<number>> {
  const rows = new Embeddings<number>({ model: space });
  try {
    for (let from: number | undefined = 0; from !== undefined; ) {
      given.throwIfAborted();
      const { seqs, values, next }: { seqs: number[]; values: Float32Array; next?: number } = await library.embeddings(space, from);
      await rows.addMany(seqs, values);
      from = next;
    }
    given.throwIfAborted();
    return rows;
  } catch (error) {
    rows.close();
    throw error;
  }
}

/** What the model in use is called in files, as by the command line's `index`. */
export const modelName = (): string => settings.value.model || "shapes";

/** The space of the model in use. */
export const space = (): string => spaceOf(settings.value.model, settings.value.precision);
