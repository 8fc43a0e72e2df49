/** Single precision against 8 bits and the GPU, on this device, as a picture. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Comparison, compared } from "../state/inside.ts";
import { clip, modelSource } from "../state/model.ts";
import { settings } from "../state/settings.ts";
import { bytes, t } from "../texts/index.ts";

export function Compare({ file }: { file: Blob }) {
  const { inside: words } = t.value;
  const rows = useSignal<Comparison[]>([]);
  const busy = useSignal(false);
  const failed = useSignal("");
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const run = async (): Promise<void> => {
    const { signal } = (running.current = new AbortController());
    [busy.value, failed.value] = [true, ""];
    try {
      rows.value = await compared(modelSource(settings.value.model), file, signal);
    } catch (error) {
      if (!signal.aborted) failed.value = (error as Error).message;
    }
    busy.value = false;
  };
  const most = Math.max(...rows.value.map(({ figures }) => figures?.forward ?? 0));
  return (
    <section class="panel">
      <h2>{words.compare}</h2>
      <p class="hint">{words.compareMore}</p>
      {failed.value && <p class="complaint" role="alert">{failed.value}</p>}
      {rows.value.length > 0 && (
        <ul class="bars">
          {rows.value.map(({ name, figures, why }) => (
            <li key={name} class="compared">
              <span>{name}</span>
              {figures && <span class="bar"><span style={{ width: `${(100 * figures.forward) / most}%` }} /></span>}
              {figures && <span class="number">{words.compared(figures.forward, bytes(figures.bytes), figures.cosine)}</span>}
              {why && <span class="hint">{words.why[why]}</span>}
            </li>
          ))}
        </ul>
      )}
      <div class="actions"><button type="button" disabled={busy.value || !clip.value} onClick={() => void run()}>{busy.value ? words.comparing : words.compareGo}</button></div>
    </section>
  );
}
