/** A card for each photo: thumbnail, embedding, where the time went, or what went wrong. */

import type { EmbeddingDetails } from "clip-vision";
import { must, setText, stamp } from "./dom.ts";
import { describe, draw } from "./fingerprint.ts";
import { bytes, duration, shortName } from "./format.ts";
import type { Photo, Session } from "./session.ts";
import type { Thumbnails } from "./thumbnails.ts";

export function startPhotoList(session: Session, thumbnails: Thumbnails): void {
  const list = must("#cards", HTMLElement);
  const cards = new Map<Photo, HTMLElement>();

  session.onChange((change) => {
    if (change.what === "photo") {
      const card = cards.get(change.photo);
      if (card) show(card, change.photo, session.model !== null);
    } else if (change.what === "photos") {
      const present = new Set(session.photos);
      for (const [photo, card] of cards) {
        if (present.has(photo)) continue;
        card.remove();
        cards.delete(photo);
        void thumbnails.drop(photo);
      }
      const fresh = session.photos.filter((photo) => !cards.has(photo));
      for (const photo of fresh) cards.set(photo, newCard(photo, session, thumbnails));
      list.append(...fresh.map((photo) => cards.get(photo) as HTMLElement));
    } else {
      for (const [photo, card] of cards) if (photo.state.kind === "waiting") show(card, photo, session.model !== null);
    }
  });
}

function newCard(photo: Photo, session: Session, thumbnails: Thumbnails): HTMLElement {
  const card = stamp("photo-card");
  const name = must(".card-name", HTMLElement, card);
  setText(name, shortName(photo.name));
  name.title = photo.name;
  const remove = must(".card-remove", HTMLButtonElement, card);
  remove.setAttribute("aria-label", `Remove ${photo.name}`);
  remove.addEventListener("click", () => {
    keepFocus(card);
    session.remove(photo);
  });
  show(card, photo, session.model !== null);
  void showThumbnail(card, photo, thumbnails);
  return card;
}

/** Moves the focus to a neighbor before the card that has it goes away. */
function keepFocus(card: HTMLElement): void {
  const neighbor = card.nextElementSibling ?? card.previousElementSibling;
  const next = neighbor?.querySelector(".card-remove") ?? document.querySelector("#drop-zone");
  if (next instanceof HTMLElement) next.focus();
}

async function showThumbnail(card: HTMLElement, photo: Photo, thumbnails: Thumbnails): Promise<void> {
  const frame = must(".thumbnail", HTMLElement, card);
  const url = await thumbnails.of(photo);
  if (url === null) {
    const kind = photo.name.includes(".") ? photo.name.split(".").at(-1)?.slice(0, 5) : "";
    setText(must(".thumbnail-missing", HTMLElement, frame), kind || "?");
    return;
  }
  const image = new Image();
  image.alt = ""; // the name stands beside it
  image.src = url;
  frame.replaceChildren(image);
}

function show(card: HTMLElement, photo: Photo, hasModel: boolean): void {
  const { state } = photo;
  card.dataset["state"] = state.kind;
  const course = courseOf(photo, hasModel);
  setText(must(".card-meta", HTMLElement, card), [bytes(photo.file.size), ...(course ? [course] : [])].join(" \u00b7 "));
  setText(must(".card-complaint", HTMLElement, card), state.kind === "failed" ? state.complaint.sentence : "");
  // A result that is to come keeps its place, so that cards don't jump.
  must(".card-result", HTMLElement, card).hidden = state.kind === "failed" || state.kind === "canceled";
  if (state.kind === "done") showResult(card, photo, state.details);
  const more = must(".card-details", HTMLDetailsElement, card);
  more.hidden = state.kind !== "failed";
  if (state.kind === "failed") setText(must("p", HTMLElement, more), state.complaint.detail);
}

function courseOf({ state }: Photo, hasModel: boolean): string {
  if (state.kind === "waiting") return hasModel ? "waiting" : "waiting for a model";
  if (state.kind === "computing") return "computing\u2026";
  return state.kind === "canceled" ? "canceled" : "";
}

function showResult(card: HTMLElement, photo: Photo, details: EmbeddingDetails): void {
  const { embedding, timings, width, height } = details;
  const total = timings.decode + timings.preprocess + timings.forward;
  const size = `${width}\u00a0\u00d7\u00a0${height}`;
  const meta = [size, bytes(photo.file.size), `${embedding.length}\u00a0values`, duration(total)];
  setText(must(".card-meta", HTMLElement, card), meta.join(" \u00b7 "));

  const canvas = must(".fingerprint", HTMLCanvasElement, card);
  draw(canvas, embedding);
  canvas.setAttribute("aria-label", describe(embedding));

  for (const stage of ["decode", "preprocess", "forward"] as const) {
    const fraction = total > 0 ? timings[stage] / total : 1 / 3;
    must(`.stage-${stage}`, HTMLElement, card).style.setProperty("flex-grow", fraction.toFixed(4));
    const value = must(`.key-${stage}`, HTMLElement, card).nextElementSibling;
    if (value) setText(value, duration(timings[stage]));
  }
}
