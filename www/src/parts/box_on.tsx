/** A box on a photo, drawn with a pointer or moved by the keyboard. */

import { useRef } from "preact/hooks";
import type { Box } from "../state/query.ts";
import { t } from "../texts/index.ts";

interface Props {
  box: Box;
  onChange: (box: Box) => void;
}

const LEAST = 0.06;
const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
const percent = (part: number): string => `${(100 * part).toFixed(2)}%`;

export function BoxOn({ box, onChange }: Props) {
  const from = useRef<{ x: number; y: number } | undefined>(undefined);
  const place = (event: PointerEvent): { x: number; y: number } => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: clamp((event.clientX - left) / width, 0, 1), y: clamp((event.clientY - top) / height, 0, 1) };
  };
  const begin = (event: PointerEvent): void => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    from.current = place(event);
  };
  const drag = (event: PointerEvent): void => {
    if (!from.current) return;
    const to = place(event);
    onChange(between(from.current, to));
  };
  const style = { left: percent(box.x), top: percent(box.y), width: percent(box.width), height: percent(box.height) };
  return (
    <div class="boxing" data-keeps-arrows onPointerDown={begin} onPointerMove={drag} onPointerUp={() => (from.current = undefined)}>
      <div class="box" style={style} tabIndex={0} role="group" aria-label={t.value.photo.box} onKeyDown={(event) => moveBox(event, box, onChange)} />
    </div>
  );
}

function between(a: { x: number; y: number }, b: { x: number; y: number }): Box {
  const width = Math.max(LEAST, Math.abs(a.x - b.x));
  const height = Math.max(LEAST, Math.abs(a.y - b.y));
  return { x: clamp(Math.min(a.x, b.x), 0, 1 - width), y: clamp(Math.min(a.y, b.y), 0, 1 - height), width, height };
}

const STEPS: Record<string, [x: number, y: number]> = { ArrowLeft: [-0.03, 0], ArrowRight: [0.03, 0], ArrowUp: [0, -0.03], ArrowDown: [0, 0.03] };

function moveBox(event: KeyboardEvent, box: Box, onChange: (box: Box) => void): void {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const [x, y] = step;
  if (event.shiftKey) onChange({ ...box, width: clamp(box.width + x, LEAST, 1 - box.x), height: clamp(box.height + y, LEAST, 1 - box.y) });
  else onChange({ ...box, x: clamp(box.x + x, 0, 1 - box.width), y: clamp(box.y + y, 0, 1 - box.height) });
}
