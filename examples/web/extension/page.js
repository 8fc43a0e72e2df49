import { classify } from "./model.js";

const [input, progress, alert, list] = document.querySelectorAll("input, progress, [role], ol"); // in this order

input.addEventListener("change", async () => {
  alert.textContent = "";
  list.replaceChildren();
  progress.hidden = false;
  try {
    for (const { label, score } of await classify(input.files[0], (overall) => (progress.value = overall))) {
      const item = document.createElement("li");
      item.textContent = `${label}: ${(100 * score).toFixed(1)} %`;
      list.append(item);
    }
  } catch (error) {
    alert.textContent = error.message;
  }
  progress.hidden = true;
});
