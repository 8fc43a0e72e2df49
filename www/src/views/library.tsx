/** What is in the library, how it gets there, and what could not be read. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { AddButtons } from "../parts/add_buttons.tsx";
import { announce } from "../parts/announcer.tsx";
import { Duplicates } from "../parts/duplicates.tsx";
import { ExchangePanel } from "../parts/exchange_panel.tsx";
import type { Failure, Folder } from "../library/types.ts";
import { cancel, diskFull, failures, forgetFailures, pause, paused, progress, refreshWork, resume, retry, waiting } from "../state/indexing.ts";
import { addDrawings, refused, scanFolder } from "../state/intake.ts";
import { allPhotos, library } from "../state/library.ts";
import { duration, t } from "../texts/index.ts";

export function LibraryView() {
  const { library: words, views } = t.value;
  return (
    <div class="column">
      <h1>{views.library}</h1>
      <section class="panel">
        <AddButtons />
        <p class="hint">{words.paste}</p>
      </section>
      <Indexing />
      <Failures />
      <Folders />
      <Duplicates />
      <ExchangePanel />
      <Drawings />
    </div>
  );
}

function Indexing() {
  const { library: words, photos } = t.value;
  useSignalEffect(() => {
    paused.value;
    if (!progress.value) void refreshWork();
  });
  const { done, total, rate, left } = progress.value ?? { done: 0, total: 0, rate: 0, left: 0 };
  return (
    <section class="panel" aria-labelledby="indexing">
      <h2 id="indexing">{photos(allPhotos.value.length)}</h2>
      {diskFull.value && <p class="complaint" role="alert">{words.full}</p>}
      {progress.value ? (
        <>
          <progress aria-label={words.indexing(done, total)} max={total} value={done} />
          <p class="hint">{words.indexing(done, total)} · {rate ? words.rate(rate, duration(left)) : ""}</p>
        </>
      ) : <p class="hint">{waiting.value ? words.waiting(waiting.value) : words.idle}</p>}
      <div class="actions">
        {progress.value && <button type="button" onClick={pause}>{words.pause}</button>}
        {paused.value && waiting.value > 0 && <button type="button" class="primary" onClick={resume}>{words.resume}</button>}
        {(progress.value || waiting.value > 0) && <button type="button" class="quiet" onClick={() => void cancel()}>{words.cancel}</button>}
      </div>
    </section>
  );
}

function Drawings() {
  const { library: words } = t.value;
  const count = useSignal(88);
  const draw = async (event: Event): Promise<void> => {
    event.preventDefault();
    await addDrawings(count.value, await library.drawings());
  };
  return (
    <form class="panel" onSubmit={(event) => void draw(event)}>
      <h2>{words.drawings}</h2>
      <p class="hint">{words.drawingsMore}</p>
      <div class="actions">
        <label class="inline">{words.drawingsCount}
          <input type="number" min={1} max={20000} required value={count} onInput={(event) => (count.value = event.currentTarget.valueAsNumber)} />
        </label>
        <button type="submit">{words.drawings}</button>
      </div>
    </form>
  );
}

function Failures() {
  const { library: words } = t.value;
  const all = [...failures.value, ...refused.value];
  if (all.length === 0) return null;
  const keys = failures.value.map(({ arrival }) => arrival);
  const forgetAll = (): void => {
    refused.value = [];
    void forgetFailures(keys);
  };
  return (
    <section class="panel" aria-labelledby="failures">
      <h2 id="failures">{words.failures} <span class="count">{all.length}</span></h2>
      <ul class="failures">{all.slice(0, 200).map((failure, i) => <Failed key={`${failure.arrival} ${i}`} {...failure} />)}</ul>
      <div class="actions">
        <button type="button" onClick={() => void retry(keys)}>{words.retryAll}</button>
        <button type="button" class="quiet" onClick={forgetAll}>{words.forgetAll}</button>
      </div>
    </section>
  );
}

function Failed({ arrival, name, code, message }: Failure) {
  const { library: words, reasons, details } = t.value;
  return (
    <li>
      <div>
        <strong>{name}</strong>
        <p>{reasons[code] ?? reasons["other"]}</p>
        <details><summary>{details}</summary><p>{message}</p></details>
      </div>
      {arrival >= 0 && <button type="button" class="quiet small" onClick={() => void retry([arrival])}>{words.retry}</button>}
      {arrival >= 0 && <button type="button" class="quiet small" onClick={() => void forgetFailures([arrival])}>{words.forget}</button>}
    </li>
  );
}

function Folders() {
  const folders = useSignal<Folder[]>([]);
  const read = async (): Promise<void> => {
    folders.value = await library.folders();
  };
  useSignalEffect(() => {
    allPhotos.value;
    void read();
  });
  if (folders.value.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="folders">
      <h2 id="folders">{t.value.library.folders}</h2>
      <ul class="failures">{folders.value.map((folder) => <Scanned key={folder.key} folder={folder} onChange={read} />)}</ul>
    </section>
  );
}

type Permitted = FileSystemDirectoryHandle & { requestPermission?: (options: { mode: "read" }) => Promise<PermissionState> };

function Scanned({ folder, onChange }: { folder: Folder; onChange: () => Promise<void> }) {
  const { library: words } = t.value;
  const said = useSignal("");
  const scan = async (): Promise<void> => {
    const permission = await (folder.handle as Permitted).requestPermission?.({ mode: "read" });
    const found = permission === "denied" ? undefined : await scanFolder(folder.handle).catch(() => undefined); // it is gone, or nothing was allowed
    said.value = found === undefined ? words.noAccess : words.scanned(found);
    announce(said.value);
    await onChange();
  };
  return (
    <li>
      <div><strong>{folder.name}</strong><p>{said.value || new Date(folder.scanned).toLocaleString()}</p></div>
      <button type="button" class="small" onClick={() => void scan()}>{words.scan}</button>
      <button type="button" class="quiet small" onClick={() => void library.forgetFolder(folder.key).then(onChange)}>{words.forgetFolder}</button>
    </li>
  );
}
