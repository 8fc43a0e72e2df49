/** The first view: all photos, or those that look like what was asked for. */

import { useSignal } from "@preact/signals";
import { AddButtons } from "../parts/add_buttons.tsx";
import { announce } from "../parts/announcer.tsx";
import { Grid } from "../parts/grid.tsx";
import { Icon } from "../parts/icon.tsx";
import { SearchBar } from "../parts/search_bar.tsx";
import { addDrawings } from "../state/intake.ts";
import { allPhotos, opened, unopened } from "../state/library.ts";
import { embedded } from "../state/model.ts";
import { linkToQuery } from "../state/route.ts";
import { anyway, found, scores, shown, terms, text, took } from "../state/search.ts";
import { t } from "../texts/index.ts";

export function SearchView() {
  const empty = opened.value && allPhotos.value.length === 0;
  return (
    <>
      <header class="search-head">
        <h1 class="visually-hidden">{t.value.start.heading}</h1>
        <SearchBar />
        <Finding />
      </header>
      {unopened.value ? <Unopened error={unopened.value} /> : empty ? <Empty /> : <Results />}
    </>
  );
}

function Unopened({ error }: { error: Error }) {
  return <div class="empty" role="alert"><Icon name="photo" /><p>{t.value.start.unopened(error.message)}</p></div>;
}

function Results() {
  const { state } = found.value;
  if (state === "nothing") return <Nothing />;
  if (found.value.state === "failed") return <Failed error={found.value.error} />;
  return <Grid seqs={shown.value} scores={state === "found" ? scores.value : undefined} />;
}

/** How many there are, or what to try. */
function Finding() {
  const { search, photos } = t.value;
  const result = found.value;
  if (result.state === "everything") {
    return (
      <div class="finding">
        <p>{embedded.value > 0 ? photos(allPhotos.value.length) : t.value.start.lede}</p>
        <ul class="examples" aria-label={search.try}>
          {search.examples.map((example) => (
            <li key={example}><button type="button" class="example" onClick={() => (text.value = example)}>{example}</button></li>
          ))}
        </ul>
      </div>
    );
  }
  const sentence = result.state !== "found" ? "" : (result.judged ? search.found : search.nearest)(result.matches.length, took.value);
  announce(result.state === "nothing" ? search.nothing : sentence);
  return <div class="finding"><p>{sentence}</p>{sentence && terms.value.every(({ kind }) => kind === "text") && <Share />}</div>;
}

function Share() {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(linkToQuery(text.value));
    copied.value = true;
    announce(t.value.search.shared);
  };
  return (
    <button type="button" class="quiet small" onClick={() => void copy()}>
      <Icon name={copied.value ? "check" : "link"} />{copied.value ? t.value.search.shared : t.value.search.share}
    </button>
  );
}

function Nothing() {
  const { search } = t.value;
  return (
    <div class="empty">
      <Icon name="search" />
      <h2>{search.nothing}</h2>
      <p>{search.nothingMore}</p>
      <button type="button" onClick={() => (anyway.value = true)}>{search.anyway}</button>
    </div>
  );
}

function Failed({ error }: { error: Error & { code?: string } }) {
  return (
    <div class="empty" role="alert">
      <h2>{t.value.search.failed}</h2>
      <p>{error.code === "invalid-argument" ? t.value.search.noWords : error.message}</p>
    </div>
  );
}

function Empty() {
  const { start, library } = t.value;
  return (
    <div class="empty">
      <Icon name="photo" />
      <h2>{start.empty}</h2>
      <p>{start.emptyMore}</p>
      <AddButtons />
      <p class="hint">{library.paste}</p>
      <button type="button" class="quiet" onClick={() => void addDrawings()}>{start.drawings}</button>
    </div>
  );
}
