import { t } from "../texts/index.ts";

export function LabelsView() {
  return <div class="column"><h1>{t.value.views.labels}</h1></div>;
}
