/** The camera against the user's labels: each frame is asked about when the one before is answered, so nothing piles up. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ClipVisionError, type Classification, type ClipVision } from "clip-vision";
import { clip } from "../state/model.ts";
import { linkTo } from "../state/route.ts";
import { settings } from "../state/settings.ts";
import { t } from "../texts/index.ts";

interface Seen {
  labels: readonly Classification[];
  /** Frames a second, and milliseconds a frame. */
  rate: number;
  took: number;
}

export function LiveView() {
  const video = useRef<HTMLVideoElement>(null);
  const stream = useSignal<MediaStream | undefined>(undefined);
  const failed = useSignal("");
  const seen = useSignal<Seen | undefined>(undefined);
  const { live: words, views } = t.value;
  const left = useRef(false);
  useEffect(() => () => {
    left.current = true;
    stop(stream);
  }, []);
  useEffect(() => watch(video.current, stream.value, seen, failed), [stream.value, clip.value, settings.value.labels]);
  const begin = async (): Promise<void> => {
    try {
      failed.value = "";
      stream.value = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 640 } });
      if (left.current) stop(stream); // the view, while the user was asked
    } catch (error) {
      failed.value = (error as Error).name === "NotAllowedError" ? words.refused : words.none;
    }
  };
  return (
    <div class="column">
      <h1>{views.live}</h1>
      <p class="lede">{words.lede}</p>
      {failed.value && <p class="complaint" role="alert">{failed.value}</p>}
      <section class="panel live">
        <div class="camera">
          <video ref={video} muted playsInline autoplay aria-label={words.picture} hidden={!stream.value} />
          {!stream.value && <button type="button" class="primary" onClick={() => void begin()}>{words.start}</button>}
        </div>
        <div class="live-side">
          {stream.value ? <Answer seen={seen} /> : <p class="hint">{words.labels}: {settings.value.labels.join(", ")}</p>}
          <div class="actions">
            {stream.value && <button type="button" onClick={() => stop(stream)}>{words.stop}</button>}
            <a class="button" href={linkTo("labels")}>{words.edit}</a>
          </div>
        </div>
      </section>
    </div>
  );
}

function Answer({ seen }: { seen: Signal<Seen | undefined> }) {
  const { live: words } = t.value;
  if (!seen.value) return <p class="hint">{words.waiting}</p>;
  const { labels, rate, took } = seen.value;
  return (
    <>
      <p class="hint" data-testid="rate">{words.rate(rate, took)}</p>
      <ul class="bars">
        {labels.slice(0, 6).map(({ label, score }) => (
          <li key={label}>
            <span>{label}</span>
            <span class="bar"><span style={{ width: `${100 * score}%` }} /><meter class="visually-hidden" min={0} max={1} value={score} aria-label={label} /></span>
            <span class="number">{Math.round(100 * score)} %</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function stop(stream: Signal<MediaStream | undefined>): void {
  for (const track of stream.value?.getTracks() ?? []) track.stop();
  stream.value = undefined;
}

/** Asks about the frame that is there, again and again, as long as there is a camera. */
function watch(video: HTMLVideoElement | null, stream: MediaStream | undefined, seen: Signal<Seen | undefined>, failed: Signal<string>): (() => void) | undefined {
  const model = clip.value;
  if (!video || !stream || !model) return undefined;
  const stop = new AbortController();
  video.srcObject = stream;
  follow(video, model, settings.value.labels, stop.signal, seen).catch((error: Error) => {
    // A model that was closed has given way to another, which is asked next.
    if (!stop.signal.aborted && !(error instanceof ClipVisionError && error.code === "closed")) failed.value = error.message;
  });
  return () => {
    stop.abort();
    seen.value = undefined;
  };
}

async function follow(video: HTMLVideoElement, model: ClipVision, labels: readonly string[], signal: AbortSignal, seen: Signal<Seen | undefined>): Promise<void> {
  const latest = model.latest();
  let rate = 0;
  let before = performance.now();
  while (!signal.aborted && labels.length) {
    await nextFrame(video);
    const begin = performance.now();
    const answer = await latest.classify(video, labels, { signal });
    const now = performance.now();
    rate = rate ? 0.9 * rate + 0.1 * (1000 / (now - before)) : 1000 / (now - before);
    before = now;
    seen.value = { labels: answer, rate, took: now - begin };
  }
}

/** Resolves with a new picture of the camera; no oftener than there are new ones. */
async function nextFrame(video: HTMLVideoElement): Promise<void> {
  if ("requestVideoFrameCallback" in video) return new Promise((resolve) => void video.requestVideoFrameCallback(() => resolve()));
  const element: HTMLVideoElement = video;
  do await new Promise((resolve) => requestAnimationFrame(resolve));
  while (element.readyState < HTMLMediaElement.HAVE_CURRENT_DATA);
}
