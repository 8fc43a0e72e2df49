/** Which parts of a photo matter for words: those that do stay lit, the others go dark. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ClipVision } from "clip-vision";
import { type HeatMap, heatMap } from "../state/inside.ts";
import { t } from "../texts/index.ts";

interface Props {
  pixels: ImageData;
  model: ClipVision;
  name: string;
}

/** Finer than this, a part says little by itself; large models take as many embeddings as there are parts. */
const CELLS = { small: 10, large: 7 };

export function HeatMapPanel({ pixels, model, name }: Props) {
  const { inside: words } = t.value;
  const query = useSignal(wordsIn(name));
  const map = useSignal<HeatMap | undefined>(undefined);
  const failed = useSignal("");
  const busy = useSignal(false);
  const asking = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => asking.current?.abort(), []);
  const ask = async (event?: Event): Promise<void> => {
    event?.preventDefault();
    asking.current?.abort();
    const { signal } = (asking.current = new AbortController());
    [busy.value, failed.value] = [true, ""];
    try {
      const cells = model.info.bytes < 20e6 ? CELLS.small : CELLS.large;
      await heatMap(model, pixels, query.value, { cells, signal, onCells: (filled) => (map.value = filled) });
    } catch (error) {
      if (!signal.aborted) failed.value = (error as Error).message;
    }
    if (!signal.aborted) busy.value = false;
  };
  return (
    <section class="panel">
      <h2>{words.heat}</h2>
      <p class="hint">{words.heatMore}</p>
      <form class="row" onSubmit={(event) => void ask(event)}>
        <input type="text" required aria-label={words.heatFor} value={query} onInput={(event) => (query.value = event.currentTarget.value)} />
        <button type="submit" class="primary">{words.heatGo}</button>
      </form>
      {failed.value && <p class="complaint" role="alert">{failed.value}</p>}
      {map.value && <Lit pixels={pixels} map={map} label={words.heatOf(query.value)} busy={busy.value} />}
    </section>
  );
}

/** A file's name is often what one would ask. */
const wordsIn = (name: string): string => name.replace(/\.\w+$/, "").replace(/-on-an?-.*/, "").replaceAll(/[-_]+/g, " ");

function Lit({ pixels, map, label, busy }: { pixels: ImageData; map: Signal<HeatMap | undefined>; label: string; busy: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (map.value && canvas.current) paint(canvas.current, pixels, map.value);
  }, [map.value]);
  return <canvas ref={canvas} class="lit" width={448} height={448} role="img" aria-label={label} aria-busy={busy} />;
}

function paint(canvas: HTMLCanvasElement, pixels: ImageData, { cells, values }: HeatMap): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const [photo, shade] = [new OffscreenCanvas(pixels.width, pixels.height), new OffscreenCanvas(cells, cells)];
  photo.getContext("2d")?.putImageData(pixels, 0, 0);
  const dark = new ImageData(cells, cells);
  values.forEach((value, i) => dark.data.set([12, 16, 15, 225 * (1 - value ** 0.7)], 4 * i));
  shade.getContext("2d")?.putImageData(dark, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  context.drawImage(shade, 0, 0, canvas.width, canvas.height); // what is between the parts is smooth
}
