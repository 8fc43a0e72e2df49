/** Says to screen readers what has changed on the screen; one sentence at a time. */

import { signal } from "@preact/signals";

const said = signal("");

export function announce(sentence: string): void {
  said.value = sentence;
}

export function Announcer() {
  return <p class="visually-hidden" role="status">{said}</p>;
}
