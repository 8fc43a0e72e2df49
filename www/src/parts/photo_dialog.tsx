/** One photo, large, and what one can do with it. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Photo } from "../library/types.ts";
import { allPhotos, photoOf } from "../state/library.ts";
import type { Box } from "../state/query.ts";
import { removePhotos } from "../state/removing.ts";
import { go } from "../state/route.ts";
import { likePhoto, onlyLike, scores, shown } from "../state/search.ts";
import { bytes, decimal, t } from "../texts/index.ts";
import { BoxOn } from "./box_on.tsx";
import { Icon } from "./icon.tsx";
import { close, open, openedPhoto } from "./opened_photo.ts";
import { useOriginal } from "./use_original.ts";

export function PhotoDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const seq = openedPhoto.value;
  const photo = seq === undefined ? undefined : photoOf(seq);
  useEffect(() => {
    if (photo && !dialog.current?.open) dialog.current?.showModal();
    if (!photo) dialog.current?.close();
  }, [photo]);
  return (
    <dialog ref={dialog} class="photo-dialog" aria-label={photo?.name} onClose={close} onClick={(event) => event.target === dialog.current && close()} onKeyDown={turn}>
      {photo && <Opened key={photo.seq} photo={photo} />}
    </dialog>
  );
}

/** The photo before or after this one, as they are shown behind. */
function step(by: 1 | -1): void {
  const list = shown.value.length ? shown.value : allPhotos.value;
  const next = list[list.indexOf(openedPhoto.value as number) + by];
  if (next !== undefined) open(next);
}

function turn(event: KeyboardEvent): void {
  if ((event.target as HTMLElement).closest("[data-keeps-arrows]")) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
}

function Opened({ photo }: { photo: Photo }) {
  const box = useSignal<Box | undefined>(undefined);
  const original = useOriginal(photo.seq);
  const { photo: words, close: closeWord } = t.value;
  return (
    <>
      <header>
        <h2>{photo.name}</h2>
        <button type="button" class="round" aria-label={words.previous} onClick={() => step(-1)}><Icon name="left" /></button>
        <button type="button" class="round" aria-label={words.next} onClick={() => step(1)}><Icon name="right" /></button>
        <button type="button" class="round" aria-label={closeWord} onClick={close}><Icon name="close" /></button>
      </header>
      <figure>
        {original.value.url ? (
          <div class="framed">
            <img src={original.value.url} alt={photo.name} />
            {box.value && <BoxOn box={box.value} onChange={(changed) => (box.value = changed)} />}
          </div>
        ) : <p class="empty">{original.value.failed ? words.gone : ""}</p>}
      </figure>
      <Facts photo={photo} />
      {box.value ? <BoxActions photo={photo} box={box.value} onCancel={() => (box.value = undefined)} /> : <Actions photo={photo} hasFile={Boolean(original.value.url)} onPart={() => (box.value = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 })} />}
    </>
  );
}

function Facts({ photo }: { photo: Photo }) {
  const { photo: words } = t.value;
  const score = scores.value.get(photo.seq);
  const facts = [
    photo.width > 0 && words.size(photo.width, photo.height),
    photo.bytes > 0 && bytes(photo.bytes),
    photo.folder,
    score !== undefined && `${words.similarity} ${decimal(score, 3)}`,
  ];
  return <p class="facts">{facts.filter(Boolean).map((fact) => <span key={String(fact)}>{fact}</span>)}</p>;
}

function Actions({ photo, hasFile, onPart }: { photo: Photo; hasFile: boolean; onPart: () => void }) {
  const { photo: words } = t.value;
  const term = { kind: "photo", seq: photo.seq, name: photo.name } as const;
  const search = (run: () => void): void => {
    run();
    close();
    go("search");
  };
  return (
    <div class="actions">
      <button type="button" class="primary" onClick={() => search(() => onlyLike(term))}>{words.like}</button>
      <button type="button" onClick={() => search(() => likePhoto(term, -1))}>{words.unlike}</button>
      <button type="button" disabled={!hasFile} onClick={onPart}>{words.part}</button>
      <button type="button" disabled={!hasFile} onClick={() => { close(); go("inside", photo.seq); }}>{words.inside}</button>
      <button type="button" class="quiet" onClick={() => { close(); void removePhotos([photo.seq]); }}><Icon name="trash" />{words.remove}</button>
    </div>
  );
}

function BoxActions({ photo, box, onCancel }: { photo: Photo; box: Box; onCancel: () => void }) {
  const { photo: words, cancel } = t.value;
  const search = (): void => {
    onlyLike({ kind: "photo", seq: photo.seq, name: photo.name, box });
    close();
    go("search");
  };
  return (
    <div class="actions">
      <p class="hint">{words.partHint}</p>
      <button type="button" class="primary" onClick={search}>{words.partGo}</button>
      <button type="button" class="quiet" onClick={onCancel}>{cancel}</button>
    </div>
  );
}
