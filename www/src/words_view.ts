/** The photos as words see them: in the order of a search, with the labels that fit them. */

import type { Classification } from "clip-vision";
import { make, must, setText } from "./dom.ts";
import { percent, shortName, similarity } from "./format.ts";
import type { Photo, Session } from "./session.ts";
import type { Thumbnails } from "./thumbnails.ts";
import { Words, labelsIn } from "./words.ts";

/** A longer list is not read. */
const MOST = 100;
/** Labels of a photo that are shown, the likeliest ones. */
const LABELS = 3;

export function startWordsView(session: Session, thumbnails: Thumbnails): void {
  const words = new Words(session);
  const searched = must("#search-input", HTMLInputElement);
  must("#search-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void words.search(searched.value);
  });
  const labels = must("#labels-input", HTMLInputElement);
  must("#labels-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void words.label(labelsIn(labels.value));
  });

  let scheduled = false;
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      show(words, session, thumbnails);
    });
  };
  session.onChange(schedule);
  words.onChange(schedule);
}

function show(words: Words, session: Session, thumbnails: Thumbnails): void {
  must("#words", HTMLElement).hidden = session.photos.length === 0;
  const complaint = must("#words-complaint", HTMLElement);
  complaint.hidden = words.complaint === null;
  setText(must("#words-complaint-text", HTMLElement), words.complaint?.sentence ?? "");
  setText(must("#words-complaint-detail", HTMLElement), words.complaint?.detail ?? "");

  const { found, query, labels } = words;
  const finding = must("#words-finding", HTMLElement);
  finding.hidden = query === null;
  if (query) setText(finding, findingOf(query.text, found[0], found.length));

  const photos = query ? found.map(({ photo }) => photo) : session.photos;
  const shown = query || labels.length > 0 ? photos.slice(0, MOST) : [];
  const highest = found[0]?.similarity ?? 1;
  const lowest = found.at(-1)?.similarity ?? 0;
  const rows = shown.map((photo, i) => {
    const near = query ? found[i]?.similarity : undefined;
    const depth = near === undefined ? 0 : (near - lowest) / Math.max(highest - lowest, 1e-6);
    const bar = near === undefined ? [] : [nearness(near, depth)];
    const known = labels.length > 0 ? [chips(words.labelsOf(photo))] : [];
    return make("li", {}, thumbnail(photo, thumbnails), make("span", { class: "found-name" }, shortName(photo.name)), ...bar, ...known);
  });
  must("#found", HTMLElement).replaceChildren(...rows);
}

function findingOf(text: string, nearest: { photo: Photo; similarity: number } | undefined, count: number): string {
  if (!nearest) return `Looking for \u201c${text}\u201d\u2026`;
  const name = `\u201c${shortName(nearest.photo.name)}\u201d`;
  const rest = count > MOST ? ` The list has the nearest ${MOST} of ${count} photos.` : "";
  return `Nearest to \u201c${text}\u201d is ${name}, at ${similarity(nearest.similarity)}.${rest}`;
}

function thumbnail(photo: Photo, thumbnails: Thumbnails): HTMLElement {
  const frame = make("span", { class: "found-thumbnail" });
  void thumbnails.of(photo).then((url) => {
    if (url !== null) frame.replaceChildren(make("img", { src: url, alt: "" })); // the name stands beside it
  });
  return frame;
}

function nearness(value: number, depth: number): HTMLElement {
  const bar = make("span", { class: "found-bar", "aria-hidden": "true" });
  bar.style.setProperty("--nearness", `${(100 * depth).toFixed(1)}%`);
  return make("span", { class: "found-nearness" }, bar, make("span", { class: "found-value" }, similarity(value)));
}

function chips(labels: readonly Classification[] | null): HTMLElement {
  if (!labels) return make("span", { class: "found-labels hint" }, "\u2026");
  const likeliest = labels.slice(0, LABELS).map(({ label, score }) => {
    const chip = make("span", { class: "found-label" }, `${label} ${percent(score)}`);
    chip.style.setProperty("--shade", `${(100 * score).toFixed(1)}%`);
    return chip;
  });
  return make("span", { class: "found-labels" }, ...likeliest);
}
