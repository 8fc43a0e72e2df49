import { ClipVision } from "./clip-vision/index.js";

// A folder of the extension, or a model of the Hub: "openai/clip-vit-base-patch32".
const MODEL = "./models/shapes/";
const LABELS = ["red circle", "blue square", "green star"];

let loading;

/** What is in a photo, the likeliest first; the model is loaded at the first call. */
export async function classify(photo, onProgress = () => {}) {
  loading ??= ClipVision.load(MODEL, { onProgress: ({ overall }) => onProgress(overall) });
  const clip = await loading;
  return clip.classify(photo, LABELS);
}
