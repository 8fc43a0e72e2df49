/** Pixels, shown as they are. */

import { useEffect, useRef } from "preact/hooks";

export function Pixels({ pixels, label }: { pixels: ImageData; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => canvas.current?.getContext("2d")?.putImageData(pixels, 0, 0), [pixels]);
  return <canvas ref={canvas} class="pixels" width={pixels.width} height={pixels.height} role="img" aria-label={label} />;
}
