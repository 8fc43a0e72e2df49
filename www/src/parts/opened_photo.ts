/** The photo that is looked at, if any. */

import { signal } from "@preact/signals";

export const openedPhoto = signal<number | undefined>();

export const open = (seq: number): void => void (openedPhoto.value = seq);
export const close = (): void => void (openedPhoto.value = undefined);
