/** The similarity of every pair as a table: a photo each row and column, colored by value. */

import { make, must, setText } from "./dom.ts";
import { shortName, similarity } from "./format.ts";
import type { Photo, Session } from "./session.ts";
import { extremes, matrixOf, scaleStart, shade } from "./similarity.ts";
import type { Thumbnails } from "./thumbnails.ts";

/** A table of more is neither readable nor quick. */
const MOST = 100;
/** Up to here the table grows photo by photo; beyond, it waits for the end of the batch. */
const LIVE = 24;

type Embedded = { photo: Photo; embedding: Float32Array };

export function startMatrixView(session: Session, thumbnails: Thumbnails): void {
  let scheduled = false;
  session.onChange(() => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      if (session.batch === null || session.photos.length <= LIVE) update(session, thumbnails);
    });
  });
}

let drawn: readonly Embedded[] = [];

function update(session: Session, thumbnails: Thumbnails): void {
  const all = session.photos.flatMap((photo): Embedded[] =>
    photo.state.kind === "done" ? [{ photo, embedding: photo.state.details.embedding }] : [],
  );
  const shown = all.slice(0, MOST);
  if (shown.length === drawn.length && shown.every(({ embedding }, i) => embedding === drawn[i]?.embedding)) return;
  drawn = shown;
  must("#similarity", HTMLElement).hidden = shown.length < 2;
  const table = must("#matrix", HTMLTableElement);
  const matrix = matrixOf(shown.map(({ embedding }) => embedding));
  const found = extremes(matrix);
  if (!found) return table.replaceChildren();

  const name = (i: number): string => `\u201c${shortName(shown[i]?.photo.name ?? "")}\u201d`;
  const { most, least } = found;
  const finding = [`Most alike are ${name(most.first)} and ${name(most.second)}, at ${similarity(most.value)}.`];
  if (shown.length > 2) {
    finding.push(`Least alike are ${name(least.first)} and ${name(least.second)}, at ${similarity(least.value)}.`);
  }
  if (all.length > shown.length) finding.push(`The table has the first ${MOST} of ${all.length} photos.`);
  setText(must("#similarity-finding", HTMLElement), finding.join(" "));

  const start = scaleStart(least.value);
  setText(must("#legend-low", HTMLElement), similarity(start));
  table.replaceChildren(
    make("caption", { class: "visually-hidden" }, "Cosine similarity of every pair of photos"),
    make("thead", {}, make("tr", {}, make("td"), ...shown.map(({ photo }) => heading(photo, "col", thumbnails)))),
    make(
      "tbody",
      {},
      ...matrix.map((row, i) =>
        make(
          "tr",
          {},
          heading((shown[i] as Embedded).photo, "row", thumbnails),
          ...row.map((value, j) => cell(value, i === j, shade(value, start), `${name(i)} and ${name(j)}`)),
        ),
      ),
    ),
  );
}

function heading(photo: Photo, scope: "row" | "col", thumbnails: Thumbnails): HTMLElement {
  const blank = make("span", { class: "matrix-blank" });
  void thumbnails.of(photo).then((url) => {
    if (url !== null) blank.replaceWith(make("img", { src: url, alt: "" })); // the name stands beside it
  });
  const name = make("span", { class: "matrix-name" }, shortName(photo.name, 20));
  return make("th", { scope, title: photo.name }, make("div", {}, blank, name));
}

function cell(value: number, isSelf: boolean, depth: number, pair: string): HTMLElement {
  const text = similarity(value);
  const element = make("td", { title: `${pair}: ${text}` }, text);
  if (isSelf) element.className = "is-self";
  element.style.setProperty("--shade", `${(depth * 100).toFixed(1)}%`);
  return element;
}
