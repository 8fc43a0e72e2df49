import { ClipVision } from "clip-vision";

// A folder of this site (public/models/shapes), or a model of the Hub: "openai/clip-vit-base-patch32".
const MODEL = "./models/shapes/";
const LABELS = ["red circle", "blue square", "green star"];

const [input, progress, status, alert, list] = document.querySelectorAll("input, progress, [role], ol"); // in this order

const loading = load();
loading.catch((error) => (alert.textContent = error.message));

async function load() {
  const clip = await ClipVision.load(MODEL, {
    threads: 2, // without this: the processor's cores less one
    onProgress: ({ overall }) => (progress.value = overall),
  });
  progress.remove();
  status.textContent = `Threads: ${clip.info.threads}`;
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
