/** Puts the page together. */

import { startAnnouncer } from "./announcer.ts";
import { must, setProgress, setText } from "./dom.ts";
import { openEngine } from "./engine.ts";
import { startIntake } from "./intake.ts";
import { startMatrixView } from "./matrix_view.ts";
import { BUNDLED, hubInAddress, modelInAddress, strangersIn } from "./model_source.ts";
import { agreesTo, startModelView } from "./model_view.ts";
import { startPhotoList } from "./photo_list.ts";
import { startPulse } from "./pulse.ts";
import { drawSamples } from "./sample_photos.ts";
import { Session } from "./session.ts";
import { Thumbnails } from "./thumbnails.ts";
import { startWordsView } from "./words_view.ts";

const session = new Session(openEngine);
const thumbnails = new Thumbnails();

startPhotoList(session, thumbnails);
startWordsView(session, thumbnails);
startMatrixView(session, thumbnails);
startAnnouncer(session);
startIntake(session);
startPulse(must("#pulse", HTMLElement), () => session.model !== null && session.batch !== null);
startToolbar();

// A link may name any server: only a person can say whether a model from there is welcome.
const strangers = strangersIn(location.href);
const address = strangers.length === 0 || (await agreesTo(strangers)) ? location.href : location.origin;
startModelView(session, () => hubInAddress(address));
try {
  void session.choose(modelInAddress(address) ?? BUNDLED);
} catch (error) {
  session.refuse(error);
}

function startToolbar(): void {
  const samples = must("#samples-button", HTMLButtonElement);
  samples.addEventListener("click", () => void drawSamples().then((files) => session.add(files)));
  const clear = must("#clear-button", HTMLButtonElement);
  clear.addEventListener("click", () => {
    session.clear();
    must("#drop-zone", HTMLElement).focus();
  });
  const resume = must("#resume-button", HTMLButtonElement);
  resume.addEventListener("click", () => session.resume());
  must("#batch-cancel", HTMLButtonElement).addEventListener("click", () => {
    session.cancelBatch();
    resume.focus();
  });

  session.onChange(() => {
    const { batch, photos, model } = session;
    document.body.classList.toggle("has-photos", photos.length > 0);
    clear.hidden = photos.length === 0;
    resume.hidden = !photos.some(({ state }) => state.kind === "canceled");
    must("#batch-progress", HTMLElement).hidden = batch === null || model === null;
    if (!batch) return;
    setText(must("#batch-text", HTMLElement), `Embedding: ${batch.done} of ${batch.total}`);
    setProgress(must("#batch-bar", HTMLProgressElement), batch.done / batch.total);
  });
}
