/**
 * Draws the map, and follows pointers and keys. The map has cells, a picture each, so that none lies upon another: what else would be
 * in one comes to light when one comes nearer.
 */

import { wantThumbnail } from "../parts/thumbnails.ts";
import type { Places } from "../state/map.ts";

export interface Listeners {
  open: (seq: number) => void;
  /** The photo under the pointer, or in the middle while keys are used. */
  hover: (seq: number | undefined) => void;
}

/** Edge of a picture on the screen, and how many are kept. */
const EDGE = 46;
const MOST_KEPT = 1200;
const MOST_NEAR = 60;
const [NEAREST, FURTHEST] = [0.5, 80];
const KEYS: Record<string, [x: number, y: number, zoom: number]> = {
  ArrowLeft: [80, 0, 1], ArrowRight: [-80, 0, 1], ArrowUp: [0, 80, 1], ArrowDown: [0, -80, 1], "+": [0, 0, 1.3], "=": [0, 0, 1.3], "-": [0, 0, 1 / 1.3],
};

export class MapCanvas {
  readonly #context: CanvasRenderingContext2D;
  readonly #stop = new AbortController();
  readonly #pictures = new Map<number, ImageBitmap | "asked" | "none">();
  readonly #pointers = new Map<number, { x: number; y: number }>();
  #size = { width: 1, height: 1, ratio: 1 };
  /** Where the map's corner is on the screen, and how much larger than the screen it is. */
  #view = { x: 0, y: 0, zoom: 1 };
  #frame = 0;
  #moved = 0;
  #shown: { seq: number; x: number; y: number }[] = [];
  readonly #observer: ResizeObserver;
  readonly #dot: string;

  constructor(readonly canvas: HTMLCanvasElement, readonly places: Places, readonly listeners: Listeners) {
    this.#context = canvas.getContext("2d") as CanvasRenderingContext2D;
    this.#dot = getComputedStyle(canvas).getPropertyValue("--line-strong");
    this.#observer = new ResizeObserver(([entry]) => entry && this.#resize(entry.contentRect));
    this.#observer.observe(canvas);
    const { signal } = this.#stop;
    canvas.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.#drag(event), { signal });
    canvas.addEventListener("pointerup", (event) => this.#release(event), { signal });
    canvas.addEventListener("pointercancel", (event) => void this.#pointers.delete(event.pointerId), { signal });
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  close(): void {
    this.#stop.abort();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    for (const picture of this.#pictures.values()) if (typeof picture !== "string") picture.close();
  }

  #resize({ width, height }: { width: number; height: number }): void {
    const ratio = Math.min(2, devicePixelRatio);
    this.#size = { width, height, ratio };
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    this.#draw();
  }

  #draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const { width, height, ratio } = this.#size;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const taken = new Set<number>();
    const { x: left, y: top, zoom } = this.#view;
    this.#shown = [];
    context.fillStyle = this.#dot;
    for (const [i, seq] of this.places.seqs.entries()) {
      const x = EDGE + (this.places.places[2 * i] as number) * (width - 2 * EDGE) * zoom;
      const y = EDGE + (this.places.places[2 * i + 1] as number) * (height - 2 * EDGE) * zoom;
      const [column, row] = [Math.floor(x / EDGE), Math.floor(y / EDGE)];
      if (left + x < -EDGE || top + y < -EDGE || left + x > width + EDGE || top + y > height + EDGE) continue;
      const cell = row * 1e5 + column;
      if (taken.has(cell)) continue;
      taken.add(cell);
      this.#shown.push({ seq, x: left + (column + 0.5) * EDGE, y: top + (row + 0.5) * EDGE });
    }
    for (const { seq, x, y } of this.#shown) this.#picture(seq, x, y);
  }

  #picture(seq: number, x: number, y: number): void {
    const picture = this.#pictures.get(seq);
    if (typeof picture === "object") {
      const side = Math.min(picture.width, picture.height);
      const [from, edge] = [[(picture.width - side) / 2, (picture.height - side) / 2] as const, EDGE - 3];
      this.#context.drawImage(picture, ...from, side, side, x - edge / 2, y - edge / 2, edge, edge);
      return;
    }
    this.#context.fillRect(x - 3, y - 3, 6, 6);
    if (picture) return;
    if (this.#pictures.size > MOST_KEPT) this.#forget();
    this.#pictures.set(seq, "asked");
    wantThumbnail(seq, (bitmap) => {
      if (this.#stop.signal.aborted) return bitmap?.close();
      this.#pictures.set(seq, bitmap ?? "none");
      this.#draw();
    });
  }

  /** Pictures that are not on the screen. */
  #forget(): void {
    const kept = new Set(this.#shown.map(({ seq }) => seq));
    for (const [seq, picture] of this.#pictures) {
      if (kept.has(seq) || typeof picture === "string") continue;
      picture.close();
      this.#pictures.delete(seq);
    }
  }

  /** Moves the map, and zooms by a factor about a place on the screen. */
  #move(dx: number, dy: number, zoom = 1, at = { x: this.#size.width / 2, y: this.#size.height / 2 }): void {
    const { x, y, zoom: before } = this.#view;
    const factor = Math.min(FURTHEST, Math.max(NEAREST, before * zoom)) / before;
    this.#view = { x: at.x - (at.x - x - dx) * factor, y: at.y - (at.y - y - dy) * factor, zoom: before * factor };
    this.#draw();
  }

  #press(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#moved = 0;
  }

  /** One pointer moves, two zoom. */
  #drag(event: PointerEvent): void {
    const now = { x: event.offsetX, y: event.offsetY };
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.listeners.hover(this.#nearest(now.x, now.y));
    const other = Array.from(this.#pointers).find(([id]) => id !== event.pointerId)?.[1];
    const distance = (place: { x: number; y: number }): number => (other ? Math.hypot(place.x - other.x, place.y - other.y) : 1);
    this.#moved += Math.hypot(now.x - before.x, now.y - before.y);
    this.#pointers.set(event.pointerId, now);
    if (other) this.#move(0, 0, distance(now) / Math.max(1, distance(before)), other);
    else this.#move(now.x - before.x, now.y - before.y);
  }

  #release(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    const seq = this.#moved < 6 ? this.#nearest(event.offsetX, event.offsetY) : undefined;
    if (seq !== undefined) this.listeners.open(seq);
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    this.#move(0, 0, Math.exp(-event.deltaY / 400), { x: event.offsetX, y: event.offsetY });
  }

  #key(event: KeyboardEvent): void {
    const middle = this.#nearest(this.#size.width / 2, this.#size.height / 2, Infinity);
    if (event.key === "Enter" && middle !== undefined) this.listeners.open(middle);
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    this.#move(...step);
    this.listeners.hover(middle);
  }

  #nearest(x: number, y: number, within = MOST_NEAR / 2): number | undefined {
    let best: { seq: number; distance: number } | undefined;
    for (const one of this.#shown) {
      const distance = Math.hypot(one.x - x, one.y - y);
      if (distance < within && distance < (best?.distance ?? Infinity)) best = { seq: one.seq, distance };
    }
    return best?.seq;
  }
}
