/** Draws a scene, in a worker or on a page. */

import { type Scene, sceneOf } from "./scenes.ts";
import { SHAPES } from "./shapes.ts";

type Context = OffscreenCanvasRenderingContext2D;

/** The picture of a number, as a JPEG file. */
export const drawingOf = async (index: number): Promise<Blob> =>
  drawn(index, 1).convertToBlob({ type: "image/jpeg", quality: 0.92 });

/** The same, with a shorter side of so many pixels, to show. */
export function drawingToShow(index: number, edge: number): ImageBitmap {
  const { width, height } = sceneOf(index);
  return drawn(index, edge / Math.min(width, height)).transferToImageBitmap();
}

function drawn(index: number, scale: number): OffscreenCanvas {
  const scene = sceneOf(index);
  const canvas = new OffscreenCanvas(Math.round(scale * scene.width), Math.round(scale * scene.height));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser gives no canvas to draw on");
  context.scale(scale, scale);
  drawBehind(context, scene);
  drawThings(context, scene);
  return canvas;
}

function drawBehind(context: Context, { pattern, behindTones: [first, second], width, height, random }: Scene): void {
  context.fillStyle = pattern === "gradient" ? gradientOf(context, first, second, width, height) : first;
  context.fillRect(0, 0, width, height);
  context.fillStyle = second;
  const step = 60 + Math.floor(random() * 40);
  if (pattern === "striped") for (let x = 0; x < width; x += 2 * step) context.fillRect(x, 0, step, height);
  if (pattern !== "checkered") return;
  for (let y = 0; y < height; y += step) {
    for (let x = (y / step) % 2 ? 0 : step; x < width; x += 2 * step) context.fillRect(x, y, step, step);
  }
}

function gradientOf(context: Context, first: string, second: string, width: number, height: number): CanvasGradient {
  const gradient = context.createLinearGradient(0, 0, width, height);
  gradient.addColorStop(0, first);
  gradient.addColorStop(1, second);
  return gradient;
}

/** One thing somewhere near the middle, or several in the quarters of the square that the model sees. */
function drawThings(context: Context, { shape, tone, count, size, turn, width, height, random }: Scene): void {
  const edge = Math.min(width, height);
  const slack = count === 1 ? (1 - size) / 2.6 : 0.06;
  const quarters = [[-0.24, -0.24], [0.24, 0.24], [0.24, -0.24], [-0.24, 0.24]] as const;
  const path = new Path2D();
  SHAPES[shape](path);
  context.fillStyle = tone;
  for (let i = 0; i < count; i += 1) {
    const [x, y] = count === 1 ? [0, 0] : (quarters[i] as readonly [number, number]);
    const shift = (): number => (random() - 0.5) * 2 * slack;
    context.save();
    context.translate(width / 2 + (x + shift()) * edge, height / 2 + (y + shift()) * edge);
    context.rotate(turn);
    context.scale((size * edge) / 2, (size * edge) / 2);
    context.fill(path);
    context.restore();
  }
}
