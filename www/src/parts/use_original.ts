/** The file of a photo, to show in an <img>, for as long as the component is there. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { library } from "../state/library.ts";

export interface Shown {
  url?: string;
  file?: Blob;
  failed?: true;
}

export function useOriginal(seq: number | undefined): Signal<Shown> {
  const shown = useSignal<Shown>({});
  useEffect(() => {
    let url: string | undefined;
    let current = true;
    shown.value = {};
    if (seq === undefined) return undefined;
    library.file(seq).then(
      (file) => {
        if (current) shown.value = { file, url: (url = URL.createObjectURL(file)) };
      },
      () => {
        if (current) shown.value = { failed: true };
      },
    );
    return () => {
      current = false;
      if (url) URL.revokeObjectURL(url);
    };
  }, [seq]);
  return shown;
}
