/** The collection as a file, out of the library and into it. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { CollectionFormat } from "clip-vision/search";
import { FORMATS, OtherModel, addRows, exported, imported, save } from "../state/exchange.ts";
import { collection, embedded } from "../state/model.ts";
import { t } from "../texts/index.ts";
import { announce } from "./announcer.tsx";
import { Icon } from "./icon.tsx";

export function ExchangePanel() {
  const { exchange: words } = t.value;
  const input = useRef<HTMLInputElement>(null);
  const said = useSignal("");
  const other = useSignal<OtherModel | undefined>(undefined);
  const tell = (sentence: string): void => {
    said.value = sentence;
    announce(sentence);
  };
  const take = async (work: Promise<number>): Promise<void> => {
    other.value = undefined;
    try {
      tell(words.imported(await work));
    } catch (error) {
      if (error instanceof OtherModel) other.value = error;
      else tell(error instanceof RangeError ? words.otherSize(error.message) : words.failed((error as Error).message));
    }
  };
  return (
    <section class="panel" aria-labelledby="exchange">
      <h2 id="exchange">{words.heading}</h2>
      <p class="hint">{words.more}</p>
      <div class="actions">
        {(Object.keys(FORMATS) as CollectionFormat[]).map((format) => (
          <button key={format} type="button" disabled={embedded.value === 0} onClick={() => give(format).catch((error: Error) => tell(words.notSaved(error.message)))}><Icon name="download" />{words.formats[format]}</button>
        ))}
        <button type="button" class="quiet" disabled={!collection.value} onClick={() => input.current?.click()}>{words.open}</button>
        <input ref={input} type="file" hidden data-purpose="collection" onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          other.value?.rows.close();
          if (file) void take(imported(file));
          currentTarget.value = "";
        }} />
      </div>
      {other.value && (
        <div class="complaint" role="alert">
          <p>{words.otherModel(other.value.model)}</p>
          <button type="button" class="small" onClick={() => other.value && void take(addRows(other.value.rows))}>{words.anyway}</button>
        </div>
      )}
      {said.value && <p class="hint">{said.value}</p>}
    </section>
  );
}

async function give(format: CollectionFormat): Promise<void> {
  const { blob, names } = await exported(format);
  save(blob, FORMATS[format]);
  if (format === "npy") save(new Blob([JSON.stringify(names)], { type: "application/json" }), `${FORMATS.npy}.names.json`);
}
