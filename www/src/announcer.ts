/** Tells screen readers what happens, in few words: not every photo of a batch, but its course and its end. */

import { must, setText } from "./dom.ts";
import { plural } from "./format.ts";
import type { Batch, Session } from "./session.ts";

const PATIENCE = 5000; // milliseconds between two words on a running batch

export function startAnnouncer(session: Session): void {
  const voice = must("#announcer", HTMLElement);
  let model = session.model;
  let running: Batch | null = null;
  let spoken = 0;
  const say = (text: string): void => {
    spoken = performance.now();
    setText(voice, text);
  };

  session.onChange(() => {
    if (session.model !== model) {
      model = session.model;
      if (model) say(`${model.source.label} is ready.`);
    }
    const { batch } = session;
    if (session.model && batch && performance.now() - spoken > PATIENCE) say(`${batch.done} of ${batch.total} embedded.`);
    if (!batch && running) say(summary(session));
    running = session.model ? batch : null;
  });
}

function summary({ photos }: Session): string {
  const count = (kind: string): number => photos.filter(({ state }) => state.kind === kind).length;
  const parts = [`${plural(count("done"), "photo")} embedded`];
  if (count("failed")) parts.push(`${count("failed")} could not be read`);
  if (count("canceled")) parts.push(`${count("canceled")} canceled`);
  return `${parts.join(", ")}.`;
}
