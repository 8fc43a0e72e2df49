/** The page: what was kept is shown at once, then the model comes, and goes on where the last visit ended. */

import { render } from "preact";
import { App } from "./app.tsx";
import { refreshFailures } from "./state/indexing.ts";
import { addDrawings } from "./state/intake.ts";
import { allPhotos, library, readPhotos } from "./state/library.ts";
import { useModel } from "./state/model.ts";
import { settings } from "./state/settings.ts";
import "./styles/main.css";

render(<App />, document.getElementById("app") as HTMLElement);

const SEEDED = "clip-vision demo seeded";

async function begin(): Promise<void> {
  const loading = useModel(settings.value.model);
  await readPhotos();
  await refreshFailures();
  const { waiting } = await library.work();
  if (allPhotos.value.length === 0 && waiting === 0 && !localStorage.getItem(SEEDED)) {
    localStorage.setItem(SEEDED, "yes"); // once: whoever removes the drawings does not want them back
    await addDrawings();
  }
  await loading;
}

void begin();
