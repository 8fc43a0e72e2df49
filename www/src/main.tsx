/** The page: what was kept is shown at once, then the model comes, and goes on where the last visit ended. */

import { render } from "preact";
import { App } from "./app.tsx";
import { refreshFailures } from "./state/indexing.ts";
import { addFirstDrawings } from "./state/intake.ts";
import { readPhotos, unopened } from "./state/library.ts";
import { useModel } from "./state/model.ts";
import "./styles/main.css";

const SEEDED = "clip-vision demo seeded";

async function begin(): Promise<void> {
  await pause(); // between reading the code, showing the page and starting the workers: a slow phone does them one at a time
  render(<App />, document.getElementById("app") as HTMLElement);
  await pause();
  await seed().catch(unopen);
  await Promise.all([readPhotos().then(refreshFailures).catch(unopen), useModel()]);
}

const unopen = (error: Error): void => void (unopened.value = error);

/** The first visit finds drawings in the library; whoever removes them does not want them back. */
async function seed(): Promise<void> {
  if (localStorage.getItem(SEEDED)) return;
  await addFirstDrawings(); // once more, if the page is left meanwhile: none is taken in twice
  localStorage.setItem(SEEDED, "yes");
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

void begin();
