/** How photos and model folders get in: picked, dropped anywhere on the page, or pasted. */

import { must } from "./dom.ts";
import { type PlacedFile, looksLikeModel, modelInFolder, placed } from "./model_source.ts";
import type { Session } from "./session.ts";

export function startIntake(session: Session): void {
  const zone = must("#drop-zone", HTMLElement);
  const picker = must("#photo-input", HTMLInputElement);
  for (const button of document.querySelectorAll("[data-pick-photos]")) {
    button.addEventListener("click", () => picker.click());
  }
  picker.addEventListener("change", () => {
    session.add(picker.files ?? []);
    picker.value = ""; // so that the same photo can be picked again
  });

  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return; // text goes where it was pasted
    event.preventDefault();
    session.add(files);
  });

  let inside = 0; // dragenter and dragleave come for every element that is crossed
  const show = (): void => void zone.classList.toggle("is-over", inside > 0);
  document.addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    inside += 1;
    show();
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    inside = Math.max(0, inside - 1);
    show();
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer) return;
    event.preventDefault();
    inside = 0;
    show();
    receive(session, event.dataTransfer).catch((error: unknown) => session.refuse(error));
  });
}

/** Loads the model of a folder that was picked. */
export function takeFolder(session: Session, files: readonly PlacedFile[]): void {
  try {
    void session.choose(modelInFolder(files));
  } catch (error) {
    session.refuse(error);
  }
}

/** A dropped folder is a model's if it looks like one; otherwise its photos are meant. */
async function receive(session: Session, transfer: DataTransfer): Promise<void> {
  // Entries have to be taken before the event is over: after the first await the list is empty.
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const loose = [...transfer.files];
  const folders = entries.filter((entry) => entry.isDirectory);
  const inFolders = (await Promise.all(folders.map((folder) => filesUnder(folder)))).flat();
  const looseFiles = folders.length === 0 ? loose : await Promise.all(entries.filter(isFile).map(fileOf));
  const everything = [...placed(looseFiles), ...inFolders];
  if (looksLikeModel(everything)) takeFolder(session, everything);
  else session.add([...looseFiles, ...inFolders.map(({ file }) => file).filter(isPhoto)]);
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** Folders of photos hold other things too (.DS_Store, notes), which nobody meant; a file dropped alone is meant. */
const isPhoto = (file: File): boolean => file.type.startsWith("image/");

const fileOf = (entry: FileSystemFileEntry): Promise<File> => new Promise((done, fail) => entry.file(done, fail));

async function filesUnder(entry: FileSystemEntry): Promise<PlacedFile[]> {
  if (isFile(entry)) return [{ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(entry) }];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: PlacedFile[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found; // it answers a hundred at a time
    for (const child of some) found.push(...(await filesUnder(child)));
  }
}
