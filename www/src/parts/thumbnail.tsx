/** One thumbnail: a canvas that takes over a picture which a worker has decoded, so that showing it costs the page nothing. */

import { useEffect, useRef } from "preact/hooks";
import { wantThumbnail } from "./thumbnails.ts";

export function Thumbnail({ seq }: { seq: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    element.dataset["state"] = "waiting";
    let current = true;
    const unwant = wantThumbnail(seq, (bitmap) => {
      if (!current) return bitmap?.close();
      element.dataset["state"] = bitmap ? "there" : "none";
      if (!bitmap) return;
      if (element.width !== bitmap.width) element.width = bitmap.width;
      if (element.height !== bitmap.height) element.height = bitmap.height;
      element.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
    });
    return () => {
      current = false;
      unwant();
    };
  }, [seq]);
  return <canvas ref={canvas} class="thumbnail" width={1} height={1} />;
}
