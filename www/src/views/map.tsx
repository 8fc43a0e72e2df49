/** A map of the library: what looks alike lies together. Drag to move, wheel or keys to come nearer, a click opens a photo. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { open } from "../parts/opened_photo.ts";
import { photoOf } from "../state/library.ts";
import { makeMap, mapError, mapping, places } from "../state/map.ts";
import { collection, embedded } from "../state/model.ts";
import { t } from "../texts/index.ts";
import { MapCanvas } from "./map_canvas.ts";

export function MapView() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const under = useSignal<number | undefined>(undefined);
  const { map: words, views } = t.value;
  useEffect(() => void makeMap(), [collection.value, embedded.value]);
  useEffect(() => {
    if (!places.value) return undefined;
    const drawn = new MapCanvas(canvas.current as HTMLCanvasElement, places.value, { open, hover: (seq) => (under.value = seq) });
    return () => drawn.close();
  }, [places.value]);
  const failed = mapError.value && words.failed(mapError.value.message);
  const name = under.value === undefined ? "" : photoOf(under.value)?.name;
  return (
    <>
      <header class="map-head">
        <h1>{views.map}</h1>
        <p class="hint">{failed ?? (mapping.value === undefined ? words.hint : words.making(mapping.value))}</p>
      </header>
      <div class="map">
        {places.value ? <canvas ref={canvas} tabIndex={0} role="application" aria-label={`${words.label} ${words.keys}`} /> : <p class="empty">{failed ?? (embedded.value ? words.making(mapping.value ?? 0) : t.value.start.empty)}</p>}
        <p class="map-name" role="status">{name}</p>
      </div>
    </>
  );
}
