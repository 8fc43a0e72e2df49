import { ClipVision } from "clip-vision";
import { serveOffline } from "./offline.js";

// A folder of this site (public/models/shapes), or a model of the Hub: "openai/clip-vit-base-patch32".
const MODEL = "./models/shapes/";
const LABELS = ["red circle", "blue square", "green star"];

const [input, progress, status, alert, list] = document.querySelectorAll("input, progress, [role], ol"); // in this order

const loading = load();
loading.catch((error) => (alert.textContent = error.message));

async function load() {
  await serveOffline(); // before the worker and the WebAssembly are asked for
  const clip = await ClipVision.load(MODEL, {
    onProgress: ({ overall }) => (progress.value = overall),
    cache: { persist: true }, // asks the browser to keep the model even if the disk fills up
  });
  await clip.embedTexts(LABELS); // the text tower as well is there when there is no network
  // What clip-vision fetches only for photos of rarer kinds is to be there as well: something that is no photo asks for it.
  await clip.embed(new Blob(["no photo"])).catch(() => undefined);
  progress.remove();
  status.textContent = "Ready, without a network too.";
  return clip;
}

input.addEventListener("change", async () => {
  alert.textContent = "";
  list.replaceChildren();
  try {
    const clip = await loading;
    for (const { label, score } of await clip.classify(input.files[0], LABELS)) {
      const item = document.createElement("li");
      item.textContent = `${label}: ${(100 * score).toFixed(1)} %`;
      list.append(item);
    }
  } catch (error) {
    alert.textContent = error.message;
  }
});
