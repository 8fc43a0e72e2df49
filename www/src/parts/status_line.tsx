/** What goes on in the background, in one line: the model's download, or photos that are being embedded. */

import { paused, pause, progress, resume } from "../state/indexing.ts";
import { arriving } from "../state/intake.ts";
import { cancelDownload, download, modelError } from "../state/model.ts";
import { linkTo } from "../state/route.ts";
import { bytes, duration, t } from "../texts/index.ts";

export function StatusLine() {
  if (modelError.value) {
    return <p class="status" role="alert">{t.value.model.failed}: <a href={linkTo("models")}>{modelError.value.message}</a></p>;
  }
  if (download.value) return <DownloadLine />;
  if (progress.value) return <IndexLine />;
  if (arriving.value) return <p class="status">{t.value.library.waiting(arriving.value)}</p>;
  return null;
}

function DownloadLine() {
  const { overall, rate, left, cached } = download.value ?? { overall: 0, cached: false };
  const facts = cached ? t.value.model.cached : rate && left !== undefined ? t.value.model.progress(bytes(rate), duration(left)) : "";
  return (
    <div class="status">
      <label for="download-bar">{t.value.model.loading("")} <span class="quiet-word">{facts}</span></label>
      <progress id="download-bar" max={1} value={overall} />
      <button type="button" class="quiet" onClick={cancelDownload}>{t.value.cancel}</button>
    </div>
  );
}

function IndexLine() {
  const { done, total, rate, left } = progress.value ?? { done: 0, total: 1, rate: 0, left: 0 };
  const { library } = t.value;
  return (
    <div class="status">
      <label for="index-bar">{library.indexing(done, total)} <span class="quiet-word">{rate ? library.rate(rate, duration(left)) : ""}</span></label>
      <progress id="index-bar" max={total} value={done} />
      <button type="button" class="quiet" onClick={paused.value ? resume : pause}>{paused.value ? library.resume : library.pause}</button>
    </div>
  );
}
