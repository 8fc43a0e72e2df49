import { t } from "../texts/index.ts";

export function ModelsView() {
  return <div class="column"><h1>{t.value.views.models}</h1></div>;
}
