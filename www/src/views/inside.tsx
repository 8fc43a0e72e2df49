/** What happens between a photo and its embedding, and what in the photo matters. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ClipVision, ClipVisionInfo, EmbeddingDetails } from "clip-vision";
import { Compare } from "../parts/compare.tsx";
import { HeatMapPanel } from "../parts/heat_map.tsx";
import { Pixels } from "../parts/pixels.tsx";
import { useOriginal } from "../parts/use_original.ts";
import { measured, middleOf, seenBy } from "../state/inside.ts";
import { allPhotos, photoOf } from "../state/library.ts";
import { clip, info } from "../state/model.ts";
import { chosen, linkTo } from "../state/route.ts";
import { settings } from "../state/settings.ts";
import { bytes, decimal, t } from "../texts/index.ts";

export function InsideView() {
  const seq = chosen.value ?? allPhotos.value[0];
  const original = useOriginal(seq);
  const { inside: words, views } = t.value;
  const model = clip.value;
  const { file } = original.value;
  return (
    <div class="column">
      <h1>{views.inside}</h1>
      <p class="lede">{words.lede} <a href={linkTo("search")}>{words.choose}</a></p>
      {original.value.failed && <p class="complaint">{t.value.photo.gone}</p>}
      {file && model && seq !== undefined && <Looked key={`${seq} ${model.info.model}`} file={file} url={original.value.url ?? ""} model={model} name={photoOf(seq)?.name ?? ""} />}
      {info.value && <Engine info={info.value} />}
    </div>
  );
}

function Looked({ file, url, model, name }: { file: Blob; url: string; model: ClipVision; name: string }) {
  const seen = useSignal<ImageData | undefined>(undefined);
  const middle = useSignal<ImageData | undefined>(undefined);
  const details = useSignal<EmbeddingDetails | undefined>(undefined);
  const failed = useSignal("");
  useEffect(() => {
    failed.value = "";
    const look = async (): Promise<void> => {
      [seen.value, middle.value] = await Promise.all([seenBy(model, file), middleOf(file)]);
      details.value = await measured(model, file);
    };
    look().catch((error: Error) => (failed.value = error.message));
  }, [file, model]);
  const { inside: words } = t.value;
  return (
    <>
      {failed.value && <p class="complaint" role="alert">{failed.value}</p>}
      <section class="panel">
        <h2>{words.seen}</h2>
        <div class="pair">
          <figure><img src={url} alt={name} /><figcaption>{name}</figcaption></figure>
          <figure>{seen.value && <Pixels pixels={seen.value} label={words.seen} />}<figcaption>{seen.value && words.pixels(seen.value.width)}</figcaption></figure>
        </div>
        {details.value && <Stages details={details.value} />}
      </section>
      {middle.value && <HeatMapPanel pixels={middle.value} model={model} name={name} />}
      <Compare file={file} />
    </>
  );
}

/** Decode, preprocess, forward, as lengths. */
function Stages({ details: { timings, decoder, width, height } }: { details: EmbeddingDetails }) {
  const { inside: words } = t.value;
  const stages = (["decode", "preprocess", "forward"] as const).map((name) => ({ name, time: timings[name] }));
  const all = stages.reduce((sum, { time }) => sum + time, 0);
  return (
    <>
      <div class="stages" aria-hidden="true">
        {stages.map(({ name, time }) => <span key={name} data-stage={name} style={{ flexGrow: time / all }} />)}
      </div>
      <dl class="figures">
        {stages.map(({ name, time }) => (
          <div key={name}><dt data-stage={name}>{words.stages[name]}</dt><dd>{decimal(time, 1)} ms</dd></div>
        ))}
        <div><dt>{words.decoder}</dt><dd>{words.decoders[decoder]}, {t.value.photo.size(width, height)}</dd></div>
      </dl>
    </>
  );
}

/** What is known of the GPU: what the probe found, or why there was none. */
function gpuFacts({ gpu, why }: ClipVisionInfo): string {
  const { inside: words } = t.value;
  const reason = why ? words.why[why] : "gpu" in navigator ? settings.value.device === "wasm" && words.gpuUnused : words.gpuNone;
  const name = gpu && ([gpu.vendor, gpu.architecture].filter(Boolean).join(" ") || words.gpuUnnamed);
  return [name, gpu && words.probe(gpu.cosine, gpu.gpuTime, gpu.wasmTime), reason].filter(Boolean).join(" · ");
}

function Engine({ info }: { info: ClipVisionInfo }) {
  const { inside: words } = t.value;
  const why = info.threads > 1 ? words.threadsOf(navigator.hardwareConcurrency) : crossOriginIsolated ? words.oneCore : words.notIsolated;
  const simd = { relaxed: words.relaxed, simd128: words.simd128, none: "–" }[info.simd];
  const facts = [
    [words.model, info.model.split("/").filter(Boolean).slice(-2).join("/")],
    [words.values, String(info.dimension)],
    [words.precision, info.precision],
    [words.device, words.computes[info.device]],
    ["GPU", gpuFacts(info)],
    [words.threads, `${info.threads} · ${why}`],
    ["SIMD", simd],
    [words.memory, bytes(info.bytes)],
  ];
  return (
    <section class="panel">
      <h2>{words.engine}</h2>
      <dl class="figures wide">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  );
}
