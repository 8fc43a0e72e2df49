/** Ways to add photos: picked ones, a folder, the camera. */

import { useRef } from "preact/hooks";
import { addFiles, scanFolder } from "../state/intake.ts";
import { t } from "../texts/index.ts";
import { Icon } from "./icon.tsx";

type WithPicker = typeof globalThis & { showDirectoryPicker?: (options?: { mode: "read" }) => Promise<FileSystemDirectoryHandle> };

export function AddButtons() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const { library } = t.value;
  const take = (input: HTMLInputElement): void => {
    void addFiles(Array.from(input.files ?? []));
    input.value = "";
  };
  return (
    <div class="add-buttons">
      <button type="button" class="primary" onClick={() => files.current?.click()}><Icon name="plus" />{library.files}</button>
      <button type="button" onClick={() => void pickFolder(folder.current)}><Icon name="library" />{library.folder}</button>
      <button type="button" class="only-touch" onClick={() => camera.current?.click()}><Icon name="live" />{library.camera}</button>
      <input ref={files} type="file" accept="image/*" multiple hidden data-purpose="files" onChange={(event) => take(event.currentTarget)} />
      <input ref={folder} type="file" hidden data-purpose="folder" {...{ webkitdirectory: true }} onChange={(event) => take(event.currentTarget)} />
      <input ref={camera} type="file" accept="image/*" capture="environment" hidden onChange={(event) => take(event.currentTarget)} />
    </div>
  );
}

/** By its handle, which can be looked through again, where the browser has these; else all its files, once. */
async function pickFolder(input: HTMLInputElement | null): Promise<void> {
  const { showDirectoryPicker } = globalThis as WithPicker;
  if (!showDirectoryPicker) return input?.click();
  try {
    await scanFolder(await showDirectoryPicker({ mode: "read" }));
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error; // the user closed the picker
  }
}
