/** The user's labels: how many photos each has, and which. */

import { useSignal } from "@preact/signals";
import { Grid } from "../parts/grid.tsx";
import { Icon } from "../parts/icon.tsx";
import { Thumbnail } from "../parts/thumbnail.tsx";
import { addLabels, labelled, labelsError, removeLabel } from "../state/labels.ts";
import { settings } from "../state/settings.ts";
import { t } from "../texts/index.ts";

export function LabelsView() {
  const chosen = useSignal<string | undefined>(undefined);
  const { labels } = settings.value;
  const index = chosen.value === undefined ? -1 : labels.indexOf(chosen.value);
  if (index >= 0) return <Labelled index={index} onBack={() => (chosen.value = undefined)} />;
  return (
    <div class="column">
      <h1>{t.value.views.labels}</h1>
      <p class="lede">{t.value.labels.lede}</p>
      <Editor />
      {labelsError.value && <p class="complaint" role="alert">{labelsError.value.message}</p>}
      <ul class="tiles">
        {labels.map((label, i) => <Tile key={label} label={label} seqs={labelled.value?.photos[i] ?? []} onOpen={() => (chosen.value = label)} />)}
      </ul>
    </div>
  );
}

function Editor() {
  const { labels: words } = t.value;
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem("labels") as HTMLInputElement;
    addLabels(input.value);
    input.value = "";
  };
  return (
    <form class="row" onSubmit={add}>
      <input type="text" name="labels" required aria-label={words.add} placeholder={words.placeholder} autocomplete="off" />
      <button type="submit" class="primary"><Icon name="plus" />{words.add}</button>
    </form>
  );
}

function Tile({ label, seqs, onOpen }: { label: string; seqs: readonly number[]; onOpen: () => void }) {
  const { labels: words, photos } = t.value;
  return (
    <li class="tile">
      <button type="button" class="tile-open" onClick={onOpen} disabled={seqs.length === 0}>
        <span class="strip">{seqs.slice(0, 4).map((seq) => <Thumbnail key={seq} seq={seq} />)}</span>
        <strong>{label}</strong>
        <span class="hint">{photos(seqs.length)}</span>
      </button>
      <button type="button" class="round" aria-label={words.remove(label)} onClick={() => removeLabel(label)}><Icon name="close" /></button>
    </li>
  );
}

function Labelled({ index, onBack }: { index: number; onBack: () => void }) {
  const seqs = labelled.value?.photos[index] ?? [];
  return (
    <div class="filled">
      <header class="row">
        <button type="button" class="round" aria-label={t.value.labels.back} onClick={onBack}><Icon name="left" /></button>
        <h1>{settings.value.labels[index]}</h1>
        <p class="hint">{t.value.photos(seqs.length)}</p>
      </header>
      <Grid seqs={seqs} scores={labelled.value?.scores} />
    </div>
  );
}
