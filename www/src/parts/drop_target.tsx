/** The whole page takes what is dropped or pasted. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { addTransfer } from "../state/intake.ts";
import { t } from "../texts/index.ts";

const hasFiles = (data: DataTransfer | null): data is DataTransfer => Boolean(data && Array.from(data.items).some(({ kind }) => kind === "file"));

export function DropTarget() {
  const over = useSignal(false);
  useEffect(() => {
    const stop = new AbortController();
    const on = <Name extends "dragover" | "dragleave" | "drop" | "paste">(name: Name, listener: (event: DocumentEventMap[Name]) => void): void =>
      document.addEventListener(name, listener, { signal: stop.signal });
    on("dragover", (event) => {
      if (!hasFiles(event.dataTransfer)) return;
      event.preventDefault();
      over.value = true;
    });
    on("dragleave", (event) => {
      if (!event.relatedTarget) over.value = false;
    });
    on("drop", (event) => {
      over.value = false;
      if (event.defaultPrevented || !hasFiles(event.dataTransfer)) return;
      event.preventDefault();
      void addTransfer(event.dataTransfer);
    });
    on("paste", ({ clipboardData }) => {
      if (hasFiles(clipboardData)) void addTransfer(clipboardData);
    });
    return () => stop.abort();
  }, []);
  return over.value ? <div class="drop-target" aria-hidden="true"><p>{t.value.library.drop}</p></div> : null;
}
