/**
 * The grid of photos: of tens of thousands only those on the screen and a little around it are elements, and these are used
 * again while one scrolls. Arrows move between photos, Enter opens one.
 */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { photoOf } from "../state/library.ts";
import { t } from "../texts/index.ts";
import { open } from "./opened_photo.ts";
import { Thumbnail } from "./thumbnail.tsx";

interface Size {
  columns: number;
  /** Of a cell with its gap, in pixels. */
  pitch: number;
  /** Of the part of the page that is seen. */
  height: number;
}

const GAP = 6;
const WANTED = 148;
/** Rows above and below what is seen. */
const AROUND = 2;

const sizeFor = (width: number, height: number): Size => {
  const columns = Math.max(3, Math.round((width + GAP) / (WANTED + GAP)));
  return { columns, pitch: (width + GAP) / columns, height };
};

export function Grid({ seqs, scores }: { seqs: readonly number[]; scores?: ReadonlyMap<number, number> | undefined }) {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSignal<Size>({ columns: 3, pitch: 120, height: 0 });
  const firstRow = useSignal(0);
  const active = useSignal(0);
  useEffect(() => watch(scroller.current as HTMLElement, size, firstRow), []);
  useEffect(() => void scroller.current?.scrollTo({ top: 0 }), [scores]); // other results begin at the top

  const { columns, pitch, height } = size.value;
  const rows = Math.ceil(seqs.length / columns);
  const seen = Math.ceil(height / pitch) + 1 + 2 * AROUND;
  const first = Math.max(0, Math.min(firstRow.value - AROUND, rows - seen));
  const cells = Array.from({ length: seen * columns }, (_, i) => first * columns + i).filter((index) => index < seqs.length);
  const cursor = Math.min(active.value, seqs.length - 1);
  return (
    <div class="grid" ref={scroller} onKeyDown={(event) => moveBy(event, { active, count: seqs.length, columns, scroller: scroller.current, pitch })}>
      <ul aria-label={t.value.search.results} style={{ height: `${Math.max(0, rows * pitch - GAP)}px` }}>
        {cells.map((index) => (
          <Cell
            key={index % (seen * columns)} index={index} seq={seqs[index] as number} count={seqs.length} size={size.value}
            score={scores?.get(seqs[index] as number)} tabbable={index === cursor} />
        ))}
      </ul>
    </div>
  );
}

interface CellProps {
  index: number;
  seq: number;
  count: number;
  size: Size;
  score: number | undefined;
  tabbable: boolean;
}

function Cell({ index, seq, count, size: { columns, pitch }, score, tabbable }: CellProps) {
  const name = photoOf(seq)?.name ?? "";
  const edge = `${pitch - GAP}px`;
  const style = { transform: `translate(${(index % columns) * pitch}px, ${Math.floor(index / columns) * pitch}px)`, width: edge, height: edge };
  return (
    <li style={style} aria-posinset={index + 1} aria-setsize={count}>
      <button
        type="button" data-index={index} data-seq={seq} data-score={score?.toFixed(2)} tabIndex={tabbable ? 0 : -1}
        aria-label={name} title={name} onClick={() => open(seq)}>
        <Thumbnail seq={seq} />
      </button>
    </li>
  );
}

type Signal<T> = { value: T };

/** Follows the scrolling, once a frame, and the size. */
function watch(element: HTMLElement, size: Signal<Size>, firstRow: Signal<number>): () => void {
  let frame = 0;
  const follow = (): void => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      firstRow.value = Math.floor(element.scrollTop / size.value.pitch);
    });
  };
  const observer = new ResizeObserver(([entry]) => {
    if (entry) size.value = sizeFor(entry.contentRect.width, entry.contentRect.height);
  });
  observer.observe(element);
  element.addEventListener("scroll", follow, { passive: true });
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    element.removeEventListener("scroll", follow);
  };
}

interface Place {
  active: Signal<number>;
  count: number;
  columns: number;
  pitch: number;
  scroller: HTMLElement | null;
}

/** Arrows, Home and End; the photo that is reached is brought into view, and gets the focus once it is there. */
function moveBy(event: KeyboardEvent, { active, count, columns, pitch, scroller }: Place): void {
  const from = Number((event.target as HTMLElement).dataset["index"]);
  const page = columns * 4;
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -count, End: count };
  const step = steps[event.key];
  if (step === undefined || Number.isNaN(from) || !scroller) return;
  event.preventDefault();
  active.value = Math.max(0, Math.min(count - 1, from + step));
  const top = Math.floor(active.value / columns) * pitch;
  const { scrollTop, clientHeight } = scroller;
  if (top < scrollTop) scroller.scrollTop = top;
  else if (top + pitch > scrollTop + clientHeight) scroller.scrollTop = top + pitch - clientHeight;
  const focus = (): boolean => {
    const cell = scroller.querySelector<HTMLElement>(`[data-index="${active.value}"]`);
    cell?.focus({ preventScroll: true });
    return Boolean(cell);
  };
  requestAnimationFrame(() => requestAnimationFrame(() => focus() || requestAnimationFrame(focus)));
}
