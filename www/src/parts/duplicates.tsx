/** Photos that are nearly the same, as groups, with the best of each first. */

import { signal, useSignal } from "@preact/signals";
import type { Photo } from "../library/types.ts";
import { collection, embedded } from "../state/model.ts";
import { photoOf } from "../state/library.ts";
import { removePhotos } from "../state/removing.ts";
import { collapsed } from "../state/search.ts";
import { decimal, t } from "../texts/index.ts";
import { open } from "./opened_photo.ts";
import { Thumbnail } from "./thumbnail.tsx";

const groups = signal<readonly (readonly number[])[] | undefined>(undefined);
const MOST_SHOWN = 40;

/** The one with the most pixels; of equal ones the larger file, then the older. */
const byWorth = (a: Photo, b: Photo): number => b.width * b.height - a.width * a.height || b.bytes - a.bytes || a.seq - b.seq;
const ranked = (seqs: readonly number[]): number[] => seqs.map(photoOf).filter((photo) => photo !== undefined).sort(byWorth).map(({ seq }) => seq);

export function Duplicates() {
  const { duplicates: words } = t.value;
  const threshold = useSignal(0.97);
  const done = useSignal<number | undefined>(undefined);
  const find = async (): Promise<void> => {
    done.value = 0;
    try {
      const found = await collection.value?.nearDuplicates({ threshold: threshold.value, onProgress: ({ done: pairs, total }) => (done.value = pairs / total) });
      groups.value = (found ?? []).map(({ ids }) => ranked(ids)).filter((seqs) => seqs.length > 1);
    } finally {
      done.value = undefined;
    }
  };
  return (
    <section class="panel" aria-labelledby="duplicates">
      <h2 id="duplicates">{words.heading}</h2>
      <p class="hint">{words.more}</p>
      <label class="field">
        <span>{words.threshold}</span>
        <input type="range" min={0.9} max={0.999} step={0.001} value={threshold} onInput={(event) => (threshold.value = event.currentTarget.valueAsNumber)} />
        <output>{decimal(threshold.value, 3)}</output>
      </label>
      <div class="actions"><button type="button" disabled={embedded.value < 2 || done.value !== undefined} onClick={() => void find()}>{done.value === undefined ? words.find : `${Math.round(100 * done.value)} %`}</button></div>
      {groups.value && <Groups />}
    </section>
  );
}

function Groups() {
  const { duplicates: words } = t.value;
  const found = groups.value ?? [];
  const spare = found.flatMap((seqs) => seqs.slice(1));
  const collapse = (on: boolean): void => void (collapsed.value = new Set(on ? spare : []));
  if (found.length === 0) return <p>{words.none}</p>;
  return (
    <>
      <p>{words.found(found.length, spare.length)}</p>
      <label class="inline"><input type="checkbox" checked={collapsed.value.size > 0} onChange={(event) => collapse(event.currentTarget.checked)} />{words.collapse}</label>
      <ul class="groups">{found.slice(0, MOST_SHOWN).map((seqs) => <Group key={seqs[0]} seqs={seqs} />)}</ul>
      <div class="actions"><button type="button" class="quiet" onClick={() => void keepBest(spare)}>{words.keepAll(spare.length)}</button></div>
    </>
  );
}

function Group({ seqs }: { seqs: readonly number[] }) {
  const { duplicates: words } = t.value;
  return (
    <li>
      <div class="strip">
        {seqs.slice(0, 6).map((seq, i) => (
          <button type="button" key={seq} aria-label={photoOf(seq)?.name} data-best={i === 0 || undefined} onClick={() => open(seq)}><Thumbnail seq={seq} />{i === 0 && <span class="badge">{words.best}</span>}</button>
        ))}
        {seqs.length > 6 && <span class="hint">+ {seqs.length - 6}</span>}
      </div>
      <button type="button" class="quiet small" onClick={() => void keepBest(seqs.slice(1))}>{words.keep}</button>
    </li>
  );
}

async function keepBest(spare: readonly number[]): Promise<void> {
  await removePhotos(spare);
  const gone = new Set(spare);
  groups.value = groups.value?.map((seqs) => seqs.filter((seq) => !gone.has(seq))).filter((seqs) => seqs.length > 1);
  collapsed.value = new Set([...collapsed.value].filter((seq) => !gone.has(seq)));
}
