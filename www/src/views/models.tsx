/** The models: the bundled one, those that are known, and any other. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { type CachedModel, type KnownModel, deleteCached, listCached, models } from "clip-vision";
import { clip, download, modelError, useModel } from "../state/model.ts";
import { bytesOf, recommended, thisDevice } from "../state/recommend.ts";
import { choose, settings } from "../state/settings.ts";
import { bytes, t } from "../texts/index.ts";

export function ModelsView() {
  const { models: words, views } = t.value;
  const cached = useSignal<readonly CachedModel[]>([]);
  const read = async (): Promise<void> => {
    cached.value = await listCached();
  };
  useSignalEffect(() => {
    clip.value;
    void read();
  });
  const best = recommended(models, thisDevice(settings.value.language));
  return (
    <div class="column">
      <h1>{views.models}</h1>
      <p class="lede">{words.lede}</p>
      {modelError.value && <p class="complaint" role="alert">{t.value.model.failed}: {modelError.value.message}</p>}
      <Precision />
      <ul class="models">
        <Bundled />
        {models.filter(({ task }) => task !== "texts").map((model) => (
          <Known key={model.id} model={model} best={model === best} cached={cached.value.filter((one) => one.model === model.id)} onChange={read} />
        ))}
      </ul>
      <Other />
    </div>
  );
}

function Precision() {
  const { models: words } = t.value;
  return (
    <fieldset class="panel">
      <legend class="visually-hidden">{words.precision}</legend>
      <div class="actions">
        {(["int8", "f32"] as const).map((precision) => (
          <label key={precision} class="inline"><input type="radio" name="precision" checked={settings.value.precision === precision} onChange={() => choosePrecision(precision)} />{words.precisions[precision]}</label>
        ))}
      </div>
    </fieldset>
  );
}

/** The bundled model has one precision; of another, the embeddings are others. */
function choosePrecision(precision: "f32" | "int8"): void {
  if (settings.value.model) void useModel({ precision });
  else choose({ precision });
}

function Use({ id, name }: { id: string; name: string }) {
  const { models: words } = t.value;
  if (settings.value.model === id && clip.value) return <span class="badge" data-kind="current">{words.current}</span>;
  return <button type="button" disabled={Boolean(download.value)} aria-label={words.use(name)} onClick={() => void useModel({ model: id })}>{words.useShort}</button>;
}

function Bundled() {
  const { models: words, model } = t.value;
  return (
    <li class="panel model">
      <div>
        <h2>{model.bundled}</h2>
        <p class="hint">{words.bundled}</p>
      </div>
      <Use id="" name={model.bundled} />
    </li>
  );
}

function Known({ model, best, cached, onChange }: { model: KnownModel; best: boolean; cached: readonly CachedModel[]; onChange: () => Promise<void> }) {
  const { models: words } = t.value;
  const { id, languages, license, accuracy, task, imageSize } = model;
  const [owner, name = id] = id.split("/", 2);
  const facts = [
    words.download(bytes(model.download.vision), model.download.text === null ? "" : bytes(bytesOf(model) - model.download.vision)),
    task === "photos" ? words.photosOnly : languages.includes("mul") ? words.manyLanguages : words.english,
    accuracy && words.accuracy(accuracy.imagenet),
    `${imageSize} px`,
    license,
  ];
  const forget = (): void => void deleteCached(id).then(onChange);
  return (
    <li class="panel model" data-best={best || undefined}>
      <div>
        <h2>{name} {best && <span class="badge">{words.recommended}</span>}</h2>
        <p class="hint">{owner}</p>
        <p class="facts">{facts.filter(Boolean).map((fact) => <span key={String(fact)}>{fact}</span>)}</p>
        {cached.length > 0 && <p class="hint">{words.cached(bytes(cached.reduce((sum, one) => sum + one.bytes, 0)))} <button type="button" class="quiet small" onClick={forget}>{words.forget}</button></p>}
      </div>
      <Use id={id} name={name} />
    </li>
  );
}

function Other() {
  const { models: words } = t.value;
  const use = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = (event.currentTarget as HTMLFormElement).elements.namedItem("model") as HTMLInputElement;
    void useModel({ model: input.value.trim() });
  };
  return (
    <form class="panel" onSubmit={use}>
      <h2>{words.other}</h2>
      <p class="hint">{words.otherMore}</p>
      <div class="row">
        <input type="text" name="model" required aria-label={words.otherLabel} placeholder="openai/clip-vit-base-patch16" autocomplete="off" autocapitalize="off" spellcheck={false} />
        <button type="submit">{words.useShort}</button>
      </div>
    </form>
  );
}
