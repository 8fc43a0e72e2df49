/** The field that everything begins with: words, and photos as chips in front of them. */

import { useRef } from "preact/hooks";
import { clearSearch, dropTerm, likePhoto, photoTerms, terms, text, turnTerm } from "../state/search.ts";
import { t } from "../texts/index.ts";
import { Icon } from "./icon.tsx";
import { Thumbnail } from "./thumbnail.tsx";

export function SearchBar() {
  const file = useRef<HTMLInputElement>(null);
  const { search } = t.value;
  return (
    <form class="search-bar" role="search" onSubmit={(event) => event.preventDefault()} onDrop={dropPhoto} onDragOver={(event) => event.preventDefault()}>
      <Icon name="search" />
      {photoTerms.value.map((term, i) => <Chip key={`${term.seq}${term.name}${JSON.stringify(term.box)}`} index={i} {...term} />)}
      <input
        id="query" type="search" aria-label={search.label} placeholder={photoTerms.value.length ? "" : search.placeholder}
        value={text} onInput={(event) => (text.value = event.currentTarget.value)}
        autocomplete="off" autocapitalize="off" spellcheck={false} enterkeyhint="search" />
      {terms.value.length > 0 && <button type="button" class="round" aria-label={search.clear} onClick={clearSearch}><Icon name="close" /></button>}
      <button type="button" class="round" aria-label={search.byPhoto} title={search.byPhoto} onClick={() => file.current?.click()}><Icon name="photo" /></button>
      <input ref={file} type="file" accept="image/*" hidden data-purpose="query" onChange={(event) => addQuery(event.currentTarget.files?.[0], event.currentTarget)} />
    </form>
  );
}

function addQuery(file: File | undefined, input?: HTMLInputElement): void {
  if (file) likePhoto({ kind: "photo", file, name: file.name });
  if (input) input.value = "";
}

/** A photo that is dropped here is searched for, and not taken in. */
function dropPhoto(event: DragEvent): void {
  const file = event.dataTransfer?.files[0];
  if (!file) return;
  event.preventDefault();
  addQuery(file);
}

function Chip({ index, sign, name, seq }: { index: number; sign: 1 | -1; name: string; seq?: number }) {
  const { search } = t.value;
  return (
    <span class="chip" data-sign={sign}>
      <button type="button" aria-label={sign > 0 ? search.plus(name) : search.minus(name)} onClick={() => turnTerm(index)}>
        <Icon name={sign > 0 ? "plus" : "minus"} />
        {seq === undefined ? <span class="chip-name">{name}</span> : <Thumbnail seq={seq} />}
      </button>
      <button type="button" aria-label={search.drop(name)} onClick={() => dropTerm(index)}><Icon name="close" /></button>
    </span>
  );
}
